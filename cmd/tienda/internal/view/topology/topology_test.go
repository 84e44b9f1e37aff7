package topology_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/cmd/tienda/internal/view/figures"
	"tienda/cmd/tienda/internal/view/topology"
)

const root = "../../../../../"

func read(t *testing.T, text string) figures.Figures {
	t.Helper()
	f, err := figures.Read(strings.NewReader(text), topology.Wanted)
	require.NoError(t, err)
	return f
}

func edge(t *testing.T, g topology.Graph, from, to string) topology.Edge {
	t.Helper()
	i := slices.IndexFunc(g.Edges, func(e topology.Edge) bool { return e.From == from && e.To == to })
	require.GreaterOrEqual(t, i, 0, "%s to %s", from, to)
	return g.Edges[i]
}

// What the shop's own files declare is drawn before anything was counted.
func TestDeclared(t *testing.T) {
	d, err := topology.Read(filepath.Join(root, "components/local"), filepath.Join(root, "dapr"))
	require.NoError(t, err)
	g := d.Measure([]string{"gateway", "orders", "catalog", "support", "users"}, nil, nil, 10*time.Second)
	require.Equal(t, "keeps", edge(t, g, "app:orders", "store:orders-state").Kind)
	require.Equal(t, "sends", edge(t, g, "app:orders", "binding:mail").Kind)
	require.Equal(t, "hears", edge(t, g, "topic:orders", "app:catalog").Kind)
	require.Equal(t, "hears", edge(t, g, "topic:deadletter-support", "app:support").Kind)
	for _, n := range g.Nodes {
		require.NotEqual(t, "app:migration", n.ID, "it does not run")
		require.False(t, n.Kind == "store" && n.Type != "state.sqlite", n.ID)
		require.False(t, n.Kind == "topic" && n.Type != "pubsub.jetstream", n.ID)
	}
}

const counted = `# TYPE dapr_runtime_service_invocation_req_sent_total counter
dapr_runtime_service_invocation_req_sent_total{app_id="orders",dst_app_id="catalog",type="unary"} 20
# TYPE dapr_component_state_count counter
dapr_component_state_count{app_id="orders",component="orders-state",operation="get",success="true"} 30
dapr_component_state_count{app_id="orders",component="orders-state",operation="set",success="false"} 10
# TYPE dapr_component_pubsub_egress_count counter
dapr_component_pubsub_egress_count{app_id="orders",component="events-orders",success="true",topic="orders-log"} 5
# TYPE dapr_component_pubsub_ingress_count counter
dapr_component_pubsub_ingress_count{app_id="orders",component="events-support",process_status="retry",topic="support"} 1
# TYPE dapr_component_output_binding_count counter
dapr_component_output_binding_count{app_id="orders",component="mail",success="true"} 0
`

func TestMeasured(t *testing.T) {
	f := read(t, counted)
	g := topology.Declared{}.Measure([]string{"orders"}, []figures.Figures{f, f}, []figures.Figures{f}, 10*time.Second)
	require.InDelta(t, 4, edge(t, g, "app:orders", "app:catalog").Rate, 1e-9, "of two replicas")
	require.Equal(t, topology.Edge{From: "app:orders", To: "store:orders-state", Kind: "keeps", Rate: 8, Failing: 2}, edge(t, g, "app:orders", "store:orders-state"))
	require.InDelta(t, 1, edge(t, g, "app:orders", "topic:orders-log").Rate, 1e-9)
	require.InDelta(t, .2, edge(t, g, "topic:support", "app:orders").Failing, 1e-9)
	require.Len(t, g.Edges, 4, "what never happened and is not declared is no edge")
	require.NotNil(t, topology.Declared{}.Measure(nil, nil, nil, time.Second).Nodes, "a list, if an empty one")
	quiet := topology.Declared{}.Measure([]string{"orders"}, nil, []figures.Figures{f}, 10*time.Second)
	require.Zero(t, edge(t, quiet, "app:orders", "app:catalog").Rate, "it was once")
}

func TestFilesThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.yaml"), []byte("kind: [Component"), 0o600))
	_, err := topology.Read(dir)
	require.ErrorContains(t, err, "a.yaml")
}
