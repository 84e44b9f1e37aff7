package strangler

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/trace"
	"tienda/services/gateway/internal/forward"
	"tienda/services/gateway/internal/route"
)

// reader does of a Forwarder what the switch does in its place: it reads the body.
type reader struct{}

func (reader) Forward(w http.ResponseWriter, r *http.Request, to *route.Route, _ caller.Caller, _ trace.Trace) error {
	_, err := forward.ReadBody(w, r, to.MaxBody)
	return err
}

// connection is a client's.
type connection struct{ http.ResponseWriter }

// SetReadDeadline does nothing.
func (connection) SetReadDeadline(time.Time) error { return nil }

// Close does nothing.
func (body) Close() error { return nil }

type body struct{ *strings.Reader }

// BenchmarkSwitch is what a request costs with the switch and without it.
func BenchmarkSwitch(b *testing.B) {
	s := New(nil, slog.New(slog.DiscardHandler))
	s.Before(reader{}, nil, func() {})
	s.take(all(Monolith))
	const text = `{"sku":"A-1","quantity":1}`
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		for name, through := range map[string]Forwarder{"with": s, "without": reader{}} {
			b.Run(method+" "+name, func(b *testing.B) {
				r, err := http.NewRequestWithContext(b.Context(), method, "/x", nil)
				require.NoError(b, err)
				in := strings.NewReader(text)
				b.ReportAllocs()
				for b.Loop() {
					if method == http.MethodPost {
						in.Reset(text)
						r.Body, r.ContentLength = body{in}, int64(len(text))
					}
					if err := through.Forward(connection{}, r, catalog, caller.Caller{}, trace.Trace{}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
