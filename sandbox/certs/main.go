// Command certs writes the keys of one sandbox into a folder: an authority, the API server's
// certificate, a client certificate for its calls to the kubelet, the kubelet's own certificate,
// and the key that signs service account tokens.
//
//	certs FOLDER ADDRESS-OR-NAME...
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const validFor = 365 * 24 * time.Hour

type authority struct {
	folder      string
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
}

func main() {
	if len(os.Args) < 3 {
		fail(fmt.Errorf("usage: certs FOLDER ADDRESS-OR-NAME..."))
	}
	folder, hosts := os.Args[1], os.Args[2:]
	signer, err := newAuthority(folder)
	if err != nil {
		fail(err)
	}
	for name, subject := range map[string]pkix.Name{
		"apiserver":      {CommonName: "kube-apiserver"},
		"kubelet":        {CommonName: "kubelet"},
		"kubelet-client": {CommonName: "kube-apiserver-kubelet-client", Organization: []string{"system:masters"}},
	} {
		if err := signer.issue(name, subject, hosts); err != nil {
			fail(err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		fail(err)
	}
	if err := writeKey(filepath.Join(folder, "service-accounts.key"), key); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "certs:", err)
	os.Exit(1)
}

func newAuthority(folder string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := template(pkix.Name{CommonName: "tidegate-sandbox-ca"})
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(raw)
	if err != nil {
		return nil, err
	}
	if err := writeCertificate(filepath.Join(folder, "ca.crt"), raw); err != nil {
		return nil, err
	}
	return &authority{folder, key, certificate}, writeKey(filepath.Join(folder, "ca.key"), key)
}

func template(subject pkix.Name) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		fail(err)
	}
	now := time.Now()
	return &x509.Certificate{SerialNumber: serial, Subject: subject, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(validFor)}
}

func (a *authority) issue(name string, subject pkix.Name, hosts []string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	leaf := template(subject)
	leaf.KeyUsage = x509.KeyUsageDigitalSignature
	leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	for _, host := range hosts {
		if address := net.ParseIP(host); address != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, address)
		} else {
			leaf.DNSNames = append(leaf.DNSNames, host)
		}
	}
	raw, err := x509.CreateCertificate(rand.Reader, leaf, a.certificate, key.Public(), a.key)
	if err != nil {
		return err
	}
	if err := writeCertificate(filepath.Join(a.folder, name+".crt"), raw); err != nil {
		return err
	}
	return writeKey(filepath.Join(a.folder, name+".key"), key)
}

func writeCertificate(path string, raw []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), 0o644)
}

func writeKey(path string, key *ecdsa.PrivateKey) error {
	raw, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw}), 0o600)
}
