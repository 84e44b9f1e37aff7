// Package sidecar connects an app to its own Dapr sidecar: the Dapr client for
// state, events and secrets over gRPC, and service invocation over HTTP (over
// gRPC to an HTTP app it is deprecated).
package sidecar

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	dapr "github.com/dapr/go-sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"tienda/internal/trace"
)

// HeaderAPIToken is where an app proves itself to its sidecar.
const HeaderAPIToken = "Dapr-Api-Token"

// maxMessage bounds one gRPC answer, in bytes: a bulk read of many documents.
const maxMessage = 32 << 20

// Config says where the sidecar is.
type Config struct {
	HTTPPort int
	GRPCPort int
	APIToken string // "": the sidecar asks for none
}

// Sidecar is the app's connection to its sidecar. It connects when first used,
// and again whenever the sidecar comes back.
type Sidecar struct {
	dapr.Client
	conn  *grpc.ClientConn
	http  *http.Client
	base  string
	token string

	breakers breakers
}

// Connect prepares the connection; it does not wait for the sidecar.
func Connect(cfg Config) (*Sidecar, error) {
	s := &Sidecar{
		base:  "http://127.0.0.1:" + strconv.Itoa(cfg.HTTPPort),
		token: cfg.APIToken,
		http:  &http.Client{Transport: Transport(), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
	conn, err := grpc.NewClient("passthrough:///127.0.0.1:"+strconv.Itoa(cfg.GRPCPort),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)),
		grpc.WithConnectParams(grpc.ConnectParams{MinConnectTimeout: time.Second, Backoff: reconnect}),
		grpc.WithUnaryInterceptor(s.outgoing))
	if err != nil {
		return nil, fmt.Errorf("sidecar: %w", err)
	}
	s.conn = conn
	s.Client = dapr.NewClientWithConnection(conn)
	return s, nil
}

// Over gives a sidecar that makes invocations over a transport, and all else with
// a client, that the caller brings: for runs without a network.
func Over(transport http.RoundTripper, client dapr.Client) *Sidecar {
	return &Sidecar{Client: client, base: "http://sidecar", http: &http.Client{Transport: transport}}
}

// Transport is the pooled HTTP transport to a sidecar on this machine.
func Transport() *http.Transport {
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: time.Second, KeepAlive: 30 * time.Second}).DialContext,
		MaxIdleConns:        512,
		MaxIdleConnsPerHost: 512,
		IdleConnTimeout:     90 * time.Second,
		DisableCompression:  true,
	}
}

// Base is the URL of the sidecar's HTTP API.
func (s *Sidecar) Base() string { return s.base }

// Close ends the connections.
func (s *Sidecar) Close() {
	s.http.CloseIdleConnections()
	_ = s.conn.Close()
}

// Ready says whether the sidecar's own components are up, so that the app can
// use it; nil means yes.
func (s *Sidecar) Ready(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+"/v1.0/healthz/outbound", nil)
	if err != nil {
		return err
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return fmt.Errorf("sidecar: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("sidecar: not ready: %s", resp.Status)
	}
	return nil
}

// WaitReady polls Ready until it is, or ctx ends.
func (s *Sidecar) WaitReady(ctx context.Context) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := s.Ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

func (s *Sidecar) outgoing(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) (err error) {
	if trace.Current(ctx).On() {
		var span trace.Span
		ctx, span = spanOf(ctx, method, req)
		defer func() { span.EndWith(err) }()
	}
	var pairs []string
	if s.token != "" {
		pairs = append(pairs, "dapr-api-token", s.token)
	}
	t := trace.From(ctx)
	if t.Parent != "" {
		pairs = append(pairs, "traceparent", t.Parent)
	}
	if t.Spanned() && t.State != "" {
		pairs = append(pairs, "tracestate", t.State)
	}
	if len(pairs) > 0 {
		ctx = metadata.AppendToOutgoingContext(ctx, pairs...)
	}
	return invoke(ctx, method, req, reply, cc, opts...)
}
