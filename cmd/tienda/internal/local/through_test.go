package local_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/cmd/tienda/internal/local"
	"tienda/internal/daprd"
)

// The sidecars go through what a test puts between them and the broker.
func TestThrough(t *testing.T) {
	ports, err := daprd.FreePorts(1)
	require.NoError(t, err)
	broker := fmt.Sprintf("127.0.0.1:%d", ports[0])
	between, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = between.Close() }()
	var passed atomic.Int64
	go func() {
		for {
			in, err := between.Accept()
			if err != nil {
				return
			}
			passed.Add(1)
			go forward(in, broker)
		}
	}()
	s := open(t, t.TempDir(), func(o *local.Options) {
		o.Listen, o.Through = map[string]string{"broker": broker}, map[string]string{"broker": between.Addr().String()}
	})
	require.Equal(t, broker, s.state().Broker)
	require.Positive(t, passed.Load())
	code, answer := s.call(http.MethodPost, fmt.Sprintf("http://127.0.0.1:%d/v1.0/publish/events-orders/orders", s.app("orders").HTTPPort),
		`{"specversion":"1.0","id":"1","source":"test","type":"tienda.orders.cancelled","data":"fine"}`, "Content-Type", "application/cloudevents+json")
	require.Equal(t, http.StatusNoContent, code, answer)
	eventually(t, "it is heard", func() bool { return heard(s) == 1 })
	s.close()
}

func forward(in net.Conn, to string) {
	defer func() { _ = in.Close() }()
	out, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer func() { _ = out.Close() }()
	go func() { _, _ = io.Copy(out, in) }()
	_, _ = io.Copy(in, out)
}
