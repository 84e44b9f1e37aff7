//go:build linux

package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// authority signs the certificates of a cluster, of its stores and of its ingress, for a
// week.
type authority struct {
	dir  string // where what it signs is kept
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// pair is a certificate and its key, as PEM.
type pair struct{ cert, key []byte }

const authorityFile = "authority.pem" // certificate and key

// makeAuthority writes a new one into a folder.
func makeAuthority(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	c := template("tienda-k8s-e2e")
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, authorityFile), slices.Concat(
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret})), 0o600)
}

// openAuthority reads one, which will keep what it signs in a folder.
func openAuthority(from, dir string) (*authority, error) {
	p, err := tls.LoadX509KeyPair(filepath.Join(from, authorityFile), filepath.Join(from, authorityFile))
	if err != nil {
		return nil, err
	}
	key, ok := p.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("the authority has a %T", p.PrivateKey)
	}
	a := &authority{dir: dir, cert: p.Leaf, key: key}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return a, os.WriteFile(a.file("ca.crt"), a.pem(), 0o600)
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

func template(name string, groups ...string) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: name, Organization: groups},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(7 * 24 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
}

// sign makes a certificate.
func (a *authority) sign(c *x509.Certificate) (p pair, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return p, err
	}
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return p, err
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return p, err
	}
	p.cert = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	p.key = pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret})
	return p, nil
}

// write signs a certificate and keeps it as NAME.crt and NAME.key.
func (a *authority) write(name string, c *x509.Certificate) (pair, error) {
	p, err := a.sign(c)
	if err != nil {
		return p, err
	}
	if err := os.WriteFile(a.file(name+".crt"), p.cert, 0o600); err != nil {
		return p, err
	}
	return p, os.WriteFile(a.file(name+".key"), p.key, 0o600)
}

// user makes a user of the API server, and its kubeconfig NAME.conf.
func (a *authority) user(file, name string, groups ...string) (pair, error) {
	p, err := a.write(file, template(name, groups...))
	if err != nil {
		return p, err
	}
	var b bytes.Buffer
	_, _ = fmt.Fprintf(&b, `apiVersion: v1
kind: Config
current-context: it
clusters: [{name: it, cluster: {server: "https://%s:6443", certificate-authority: %q}}]
users: [{name: it, user: {client-certificate: %q, client-key: %q}}]
contexts: [{name: it, context: {cluster: it, user: it}}]
`, nodeAddress, a.file("ca.crt"), a.file(file+".crt"), a.file(file+".key"))
	return p, os.WriteFile(a.file(file+".conf"), b.Bytes(), 0o600)
}

// forServer is a certificate of names and addresses.
func forServer(name string, hosts ...string) *x509.Certificate {
	c := template(name)
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			c.IPAddresses = append(c.IPAddresses, ip)
		} else {
			c.DNSNames = append(c.DNSNames, h)
		}
	}
	return c
}

// trust gives the settings of a client that trusts what is signed here for a host.
func (a *authority) trust(host string) *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	return &tls.Config{RootCAs: roots, ServerName: host, MinVersion: tls.VersionTLS12}
}
