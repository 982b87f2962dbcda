// Command app is the demo: a small HTTP server whose versions answer well, fail, or are slow.
//
// Settings, as flags or environment: VERSION, FAIL_SHARE (0..1 of answers are 500), LATENCY and
// READY_DELAY (Go durations), EXIT (graceful: serves on until the proxies have let go; abrupt: exits
// at once on SIGTERM, in the middle of requests), ADDRESS.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// bounds are the upper limits of the latency histogram's buckets, in seconds.
var bounds = []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5}

type settings struct {
	version, exit, address string
	failShare              float64
	latency, readyDelay    time.Duration
}

type metrics struct {
	mutex   sync.Mutex
	codes   map[int]uint64
	buckets []uint64
	sum     float64
	count   uint64
}

func newMetrics() *metrics {
	return &metrics{codes: map[int]uint64{200: 0, 500: 0}, buckets: make([]uint64, len(bounds))}
}

func (m *metrics) observe(code int, seconds float64) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.codes[code]++
	m.sum += seconds
	m.count++
	for i, bound := range bounds {
		if seconds <= bound {
			m.buckets[i]++
		}
	}
}

func (m *metrics) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	fmt.Fprintln(w, "# TYPE http_requests_total counter")
	for _, code := range []int{200, 500} {
		fmt.Fprintf(w, "http_requests_total{code=\"%d\"} %d\n", code, m.codes[code])
	}
	fmt.Fprintln(w, "# TYPE http_request_duration_seconds histogram")
	for i, bound := range bounds {
		limit := strconv.FormatFloat(bound, 'g', -1, 64)
		fmt.Fprintf(w, "http_request_duration_seconds_bucket{le=\"%s\"} %d\n", limit, m.buckets[i])
	}
	fmt.Fprintf(w, "http_request_duration_seconds_bucket{le=\"+Inf\"} %d\n", m.count)
	fmt.Fprintf(w, "http_request_duration_seconds_sum %g\n", m.sum)
	fmt.Fprintf(w, "http_request_duration_seconds_count %d\n", m.count)
}

func main() {
	config := readSettings()
	served := newMetrics()
	readyAt := time.Now().Add(config.readyDelay)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()

	mux := http.NewServeMux()
	mux.Handle("/metrics", served)
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		if time.Now().Before(readyAt) || ctx.Err() != nil {
			http.Error(w, "not ready", http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		if ctx.Err() != nil {
			// On the way out: let each connection end after an answer rather than under a request.
			w.Header().Set("Connection", "close")
		}
		answer(w, config, served)
	})
	server := &http.Server{Addr: config.address, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		if err := server.ListenAndServe(); err != http.ErrServerClosed {
			log.Fatal(err)
		}
	}()
	log.Printf("version %s on %s", config.version, config.address)
	<-ctx.Done()
	if config.exit == "abrupt" {
		os.Exit(0)
	}
	// Proxies learn a moment later that this pod is going: serve on until they have, then finish what runs.
	time.Sleep(3 * time.Second)
	deadline, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	_ = server.Shutdown(deadline)
}

func answer(w http.ResponseWriter, config settings, served *metrics) {
	started := time.Now()
	if config.latency > 0 {
		time.Sleep(config.latency)
	}
	code := http.StatusOK
	if rand.Float64() < config.failShare {
		code = http.StatusInternalServerError
	}
	// Counted before it is sent: a scrape never shows fewer answers than clients have seen.
	served.observe(code, time.Since(started).Seconds())
	w.Header().Set("x-version", config.version)
	w.WriteHeader(code)
	fmt.Fprintf(w, "%s %d\n", config.version, code)
}

func readSettings() settings {
	var config settings
	flag.StringVar(&config.version, "version", text("VERSION", "v1"), "what x-version says")
	flag.StringVar(&config.exit, "exit", text("EXIT", "graceful"), "graceful or abrupt")
	flag.StringVar(&config.address, "address", text("ADDRESS", ":8080"), "where to listen")
	flag.Float64Var(&config.failShare, "fail-share", share("FAIL_SHARE"), "share of answers that are 500")
	flag.DurationVar(&config.latency, "latency", duration("LATENCY"), "how long each answer takes")
	flag.DurationVar(&config.readyDelay, "ready-delay", duration("READY_DELAY"), "how long until ready")
	flag.Parse()
	if config.exit != "graceful" && config.exit != "abrupt" {
		log.Fatalf("EXIT is %q: it must be graceful or abrupt", config.exit)
	}
	return config
}

func text(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func share(name string) float64 {
	value, err := strconv.ParseFloat(text(name, "0"), 64)
	if err != nil || value < 0 || value > 1 {
		log.Fatalf("%s must be a number from 0 to 1", name)
	}
	return value
}

func duration(name string) time.Duration {
	value, err := time.ParseDuration(text(name, "0s"))
	if err != nil {
		log.Fatalf("%s: %v", name, err)
	}
	return value
}
