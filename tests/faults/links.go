package main

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"tienda/internal/daprd"
)

// links are the proxies on the way to the gateway, the broker and the store.
type links struct {
	server  *toxiproxy.ApiServer // never listens: it only makes proxies
	proxies map[string]*toxiproxy.Proxy
	taken   map[string]*sync.Mutex // a link has one fault at a time
}

func newLinks() *links {
	return &links{server: toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()), proxies: map[string]*toxiproxy.Proxy{}, taken: map[string]*sync.Mutex{}}
}

// open puts a proxy before an address and gives the proxy's own.
func (l *links) open(name, upstream string) (string, error) {
	listen, err := freeAddr()
	if err != nil {
		return "", err
	}
	p := toxiproxy.NewProxy(l.server, name, listen, upstream)
	if err := p.Start(); err != nil {
		return "", fmt.Errorf("proxy of %s: %w", name, err)
	}
	l.proxies[name], l.taken[name] = p, &sync.Mutex{}
	return listen, nil
}

// disturb begins a fault of a link, once the one before it has ended; the
// function it gives ends it.
func (l *links) disturb(f Fault) (restore func() error, err error) {
	p, taken := l.proxies[f.Target], l.taken[f.Target]
	taken.Lock()
	if f.Kind == CutLink {
		p.Stop()
		return func() error { defer taken.Unlock(); return p.Start() }, nil
	}
	if _, err := p.Toxics.AddToxicJson(strings.NewReader(toxics[f.Kind])); err != nil {
		taken.Unlock()
		return nil, fmt.Errorf("%s: %w", f, err)
	}
	return func() error {
		defer taken.Unlock()
		return p.Toxics.RemoveToxic(context.Background(), "fault")
	}, nil
}

// toxics are the faults of a link as toxiproxy has them; times are milliseconds.
var toxics = map[Kind]string{
	ResetLink: `{"name":"fault","type":"reset_peer","stream":"downstream","attributes":{"timeout":0}}`,
	ShortLink: `{"name":"fault","type":"limit_data","stream":"downstream","attributes":{"bytes":100}}`,
	SlowLink:  `{"name":"fault","type":"latency","stream":"downstream","attributes":{"latency":400,"jitter":300}}`,
}

func (l *links) close() {
	for _, p := range l.proxies {
		p.Stop()
	}
}

func freeAddr() (string, error) {
	ports, err := daprd.FreePorts(1)
	if err != nil {
		return "", err
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[0])), nil
}
