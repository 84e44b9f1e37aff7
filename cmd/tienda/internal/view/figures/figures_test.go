package figures_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/cmd/tienda/internal/view/figures"
)

const first = `# HELP go_goroutines Number.
# TYPE go_goroutines gauge
go_goroutines 12
# HELP tienda_outbox_backlog Commits.
# TYPE tienda_outbox_backlog gauge
tienda_outbox_backlog 3
# HELP tienda_http_request_seconds Time to answer.
# TYPE tienda_http_request_seconds histogram
tienda_http_request_seconds_bucket{route="/v1/orders",method="POST",status="2xx",le="0.01"} 1
tienda_http_request_seconds_bucket{route="/v1/orders",method="POST",status="2xx",le="0.1"} 3
tienda_http_request_seconds_bucket{route="/v1/orders",method="POST",status="2xx",le="+Inf"} 3
tienda_http_request_seconds_sum{route="/v1/orders",method="POST",status="2xx"} 0.2
tienda_http_request_seconds_count{route="/v1/orders",method="POST",status="2xx"} 3
# TYPE dapr_component_state_count counter
dapr_component_state_count{component="orders-state",success="true"} 40
dapr_component_state_count{component="orders-state",success="false"} 2
`

func read(t *testing.T, text string) figures.Figures {
	t.Helper()
	f, err := figures.Read(strings.NewReader(text), func(name string) bool { return !strings.HasPrefix(name, "go_") })
	require.NoError(t, err)
	return f
}

func TestReadKeepsWhatIsWanted(t *testing.T) {
	f := read(t, first)
	require.Len(t, f, 4)
	_, found := f.Sum("go_goroutines")
	require.False(t, found)
	sum, found := f.Sum("dapr_component_state_count", "component", "orders-state")
	require.True(t, found)
	require.InDelta(t, 42, sum, 0)
	sum, _ = f.Sum("tienda_http_request_seconds", "status", "2xx")
	require.InDelta(t, 3, sum, 0)
	_, err := figures.Read(strings.NewReader("# TYPE x gauge\nx y\n"), func(string) bool { return true })
	require.Error(t, err)
}

func TestBetween(t *testing.T) {
	later := strings.NewReplacer(`true"} 40`, `true"} 50`, `_backlog 3`, `_backlog 1`, `le="0.1"} 3`, `le="0.1"} 5`, `"+Inf"} 3`, `"+Inf"} 7`, `status="2xx"} 3`, `status="2xx"} 7`).Replace(first) +
		"dapr_component_state_count{component=\"new\",success=\"true\"} 4\n"
	grown := figures.Between(read(t, first), read(t, later))
	for labels, want := range map[string]float64{"orders-state": 10, "new": 4} {
		sum, _ := grown.Sum("dapr_component_state_count", "component", labels)
		require.InDelta(t, want, sum, 0, labels)
	}
	backlog, _ := grown.Sum("tienda_outbox_backlog")
	require.InDelta(t, 1, backlog, 0, "a gauge is as it is")
	for _, s := range grown {
		if s.Buckets != nil {
			require.InDelta(t, 4, s.Value, 0)
			require.Equal(t, []figures.Bucket{{Bound: .01}, {Bound: .1, Count: 2}, {Bound: math.Inf(1), Count: 4}}, s.Buckets)
		}
	}
}

// A process that was started again counts from nothing.
func TestBetweenAfterARestart(t *testing.T) {
	grown := figures.Between(read(t, strings.ReplaceAll(first, `true"} 40`, `true"} 4000`)), read(t, first))
	sum, _ := grown.Sum("dapr_component_state_count", "success", "true")
	require.InDelta(t, 40, sum, 0)
}

func TestQuantile(t *testing.T) {
	inf := math.Inf(1)
	b := []figures.Bucket{{.01, 50}, {.1, 90}, {1, 90}, {inf, 100}}
	for share, want := range map[float64]float64{.25: .005, .5: .01, .7: .055, .9: .1, .99: 1} {
		require.InDelta(t, want, figures.Quantile(share, b), 1e-9, "%v", share)
	}
	require.True(t, math.IsNaN(figures.Quantile(.5, nil)))
	require.True(t, math.IsNaN(figures.Quantile(.5, []figures.Bucket{{1, 0}, {inf, 0}})))
	require.InDelta(t, 0.1, figures.Quantile(1, figures.Add(figures.Add(nil, []figures.Bucket{{.1, 1}, {inf, 1}}), []figures.Bucket{{.1, 2}, {inf, 2}})), 1e-9)
}
