// Package view is one page of what a local shop does: topology, health, rates, latencies,
// the last traces and problems, dead letters with replay. It listens on loopback, takes in
// the shop's spans, and asks the shop for the rest only while somebody looks.
package view

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"tienda/cmd/tienda/internal/view/letters"
	"tienda/cmd/tienda/internal/view/topology"
	"tienda/cmd/tienda/internal/view/traces"
	"tienda/cmd/tienda/internal/view/watch"
)

// Options say what is shown.
type Options struct {
	Replicas func() []watch.Replica // how the shop is now
	Declared topology.Declared
	Gateway  string          // URL; "": there is none, and so no dead letters
	Admin    letters.Account // a demo account of the shop, if it has one
	Profile  string
	// Where traces go instead, as the environment says; "": here.
	Collector string
}

// incidents is how many ends and starts of processes are shown.
const incidents = 30

// Incident is something that happened to a process.
type Incident struct {
	At   time.Time `json:"at"`
	Name string    `json:"name"`
	What string    `json:"what"`
}

// View is a page that is served.
type View struct {
	listener net.Listener
	hosts    []string // that a browser may say it is at
	token    string   // of who looks
	spans    string   // token of who sends spans
	own      string   // trace ID of what the view itself asks for
	server   *http.Server

	ring    *traces.Ring
	o       Options
	watcher *watch.Watcher
	desk    *letters.Desk

	mu        sync.Mutex
	incidents []Incident // the oldest first
}

// Listen takes a port of loopback, 0 for a free one. What comes waits until Serve.
func Listen(ctx context.Context, port int) (*View, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, fmt.Errorf("view: %w", err)
	}
	var own [16]byte
	_, _ = rand.Read(own[:]) // never fails since Go 1.24
	v := &View{listener: l, token: rand.Text(), spans: rand.Text(), own: hex.EncodeToString(own[:])}
	_, at, _ := net.SplitHostPort(l.Addr().String())
	v.hosts = []string{"127.0.0.1:" + at, "localhost:" + at}
	v.ring = traces.New(traces.Usual, v.own)
	return v, nil
}

// URL is where a person opens the page. The token is in the fragment, which a browser
// does not send: the page's script takes it from there.
func (v *View) URL() string { return "http://" + v.hosts[0] + "/#token=" + v.token }

// Collector is where spans are sent to, and the header, "name=value", to send with them.
func (v *View) Collector() (url, header string) {
	return "http://" + v.hosts[0], spanHeader + "=" + v.spans
}

// Serve serves the page until ctx ends. It must be called once.
func (v *View) Serve(ctx context.Context, o Options) error {
	v.o = o
	v.watcher = watch.New(o.Replicas, o.Declared)
	v.desk = letters.New(o.Gateway, o.Admin, "00-"+v.own+"-00000000000000ab-00")
	v.server = &http.Server{Handler: v.handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, MaxHeaderBytes: 16 << 10}
	stop := context.AfterFunc(ctx, func() { _ = v.server.Close() })
	defer stop()
	if err := v.server.Serve(v.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("view: %w", err)
	}
	return nil
}

// Close lets the port go where Serve was not called.
func (v *View) Close() { _ = v.listener.Close() }

// Note keeps what happened to a process.
func (v *View) Note(name, what string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.incidents = append(v.incidents, Incident{time.Now().UTC(), name, what})
	if n := len(v.incidents); n > incidents {
		v.incidents = v.incidents[n-incidents:]
	}
}

func (v *View) noted() []Incident {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]Incident{}, v.incidents...)
}
