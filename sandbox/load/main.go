// Command load sends N requests a second to a URL, on a fixed schedule: a slow answer delays no other
// request, so that latency is not hidden (no coordinated omission). It ends after -duration, on SIGTERM
// or when its standard input closes; then it prints a JSON summary.
//
// Every request becomes one CSV line: scheduled time (Unix ns), latency (ns), status (0: no answer),
// version (header x-version), error.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	requestTimeout = 5 * time.Second
	flushEvery     = 50 * time.Millisecond
)

type result struct {
	sent    time.Time
	latency time.Duration
	status  int
	version string
	err     string
}

func (r result) failed() bool { return r.status < 200 || r.status > 399 }

type options struct {
	url, host, out string
	rate           float64
	duration       time.Duration
	inFlight       int
}

func main() {
	var o options
	flag.StringVar(&o.url, "url", "", "where to send requests")
	flag.StringVar(&o.host, "host", "", "Host header")
	flag.StringVar(&o.out, "out", "", "file for the records")
	flag.Float64Var(&o.rate, "rate", 50, "requests a second")
	flag.DurationVar(&o.duration, "duration", 0, "how long; 0: until SIGTERM or standard input closes")
	flag.IntVar(&o.inFlight, "in-flight", 2000, "requests at once; those above are failures")
	flag.Parse()
	if o.url == "" || o.out == "" || o.rate <= 0 {
		log.Fatal("load: -url, -out and a positive -rate are needed")
	}
	file, err := os.Create(o.out)
	if err != nil {
		log.Fatal(err)
	}
	results := make(chan result, 10000)
	summary := make(chan tally, 1)
	go func() { summary <- record(file, results) }()
	send(untilTold(o.duration == 0), o, results)
	close(results)
	if err := json.NewEncoder(os.Stdout).Encode((<-summary).summary()); err != nil {
		log.Fatal(err)
	}
}

func untilTold(byInput bool) context.Context {
	told, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	ctx, cancel := context.WithCancel(told)
	context.AfterFunc(ctx, stop)
	if !byInput {
		return ctx
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	return ctx
}

// send starts each request when it is due and returns when the last one has ended. A duration counts
// the schedule, not the clock: a machine that is late sends as many as one that is not.
func send(ctx context.Context, o options, results chan<- result) {
	client := &http.Client{
		Timeout:       requestTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: requestTimeout}).DialContext,
			MaxIdleConnsPerHost: o.inFlight,
			MaxIdleConns:        o.inFlight,
			DisableCompression:  true,
		},
	}
	var running sync.WaitGroup
	places := make(chan struct{}, o.inFlight)
	started := time.Now()
	timer := time.NewTimer(0)
	for n := 0; ; n++ {
		after := time.Duration(float64(n) / o.rate * float64(time.Second))
		if o.duration > 0 && after >= o.duration {
			running.Wait()
			return
		}
		due := started.Add(after)
		timer.Reset(time.Until(due))
		select {
		case <-ctx.Done():
			running.Wait()
			return
		case <-timer.C:
		}
		select {
		case places <- struct{}{}:
			running.Add(1)
			go func() {
				defer running.Done()
				results <- ask(client, o, due)
				<-places
			}()
		default:
			results <- result{sent: due, err: "too many requests in flight"}
		}
	}
}

func ask(client *http.Client, o options, due time.Time) result {
	request, err := http.NewRequest(http.MethodGet, o.url, nil)
	if err != nil {
		return result{sent: due, err: err.Error()}
	}
	if o.host != "" {
		request.Host = o.host
	}
	response, err := client.Do(request)
	if err != nil {
		return result{sent: due, latency: time.Since(due), err: plain(err)}
	}
	defer response.Body.Close()
	got := result{sent: due, status: response.StatusCode, version: response.Header.Get("x-version")}
	if _, err = io.Copy(io.Discard, response.Body); err != nil {
		got.status, got.err = 0, plain(err)
	}
	got.latency = time.Since(due)
	return got
}

func plain(err error) string {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return "timeout"
	}
	return strings.NewReplacer(",", ";", "\n", " ", "\r", " ").Replace(err.Error())
}

type tally struct {
	all      []time.Duration
	failures int
	versions map[string]*counts
}

type counts struct {
	Requests int `json:"requests"`
	Failures int `json:"failures"`
}

// record writes every result at once into a buffer and the buffer often into the file, for live readers.
func record(file *os.File, results <-chan result) tally {
	writer := bufio.NewWriterSize(file, 1<<16)
	ticker := time.NewTicker(flushEvery)
	defer ticker.Stop()
	sum := tally{versions: map[string]*counts{}}
	for {
		select {
		case got, open := <-results:
			if !open {
				if err := errors.Join(writer.Flush(), file.Close()); err != nil {
					log.Fatal(err)
				}
				return sum
			}
			sum.add(got)
			version := strings.NewReplacer(",", ";", "\n", " ").Replace(got.version)
			fmt.Fprintf(writer, "%d,%d,%d,%s,%s\n", got.sent.UnixNano(), got.latency.Nanoseconds(), got.status, version, got.err)
		case <-ticker.C:
			if err := writer.Flush(); err != nil {
				log.Fatal(err)
			}
		}
	}
}

func (t *tally) add(got result) {
	t.all = append(t.all, got.latency)
	version := t.versions[got.version]
	if version == nil {
		version = &counts{}
		t.versions[got.version] = version
	}
	version.Requests++
	if got.failed() {
		version.Failures++
		t.failures++
	}
}

func (t tally) summary() map[string]any {
	sort.Slice(t.all, func(i, j int) bool { return t.all[i] < t.all[j] })
	at := func(share float64) float64 {
		if len(t.all) == 0 {
			return 0
		}
		return float64(t.all[int(share*float64(len(t.all)-1))].Microseconds()) / 1000
	}
	return map[string]any{
		"requests": len(t.all), "failures": t.failures, "versions": t.versions,
		"latency_p50_ms": at(0.5), "latency_p99_ms": at(0.99), "latency_max_ms": at(1),
	}
}
