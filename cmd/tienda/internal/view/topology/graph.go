package topology

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"tienda/cmd/tienda/internal/view/figures"
)

// The sidecars' counters that edges are measured by.
const (
	calls    = "dapr_runtime_service_invocation_req_sent_total"
	states   = "dapr_component_state_count"
	egress   = "dapr_component_pubsub_egress_count"
	bulk     = "dapr_component_pubsub_egress_bulk_count"
	ingress  = "dapr_component_pubsub_ingress_count"
	bindings = "dapr_component_output_binding_count"
	clients  = "tienda_gateway_request_seconds"
)

// Wanted says whether a figure is one that edges are measured by.
func Wanted(name string) bool {
	return slices.Contains([]string{calls, states, egress, bulk, ingress, bindings, clients}, name)
}

// Node is an app, a store, a topic or a binding, or the clients.
type Node struct {
	ID   string `json:"id"`   // "app:orders"
	Kind string `json:"kind"` // client, app, store, topic or binding
	Name string `json:"name"`
	Type string `json:"type,omitempty"` // of a component: "state.sqlite"
}

// Edge is who uses whom. Rate is uses a second, Failing of those.
type Edge struct {
	From    string  `json:"from"`
	To      string  `json:"to"`
	Kind    string  `json:"kind"` // calls, keeps, publishes, hears or sends
	Rate    float64 `json:"rate"`
	Failing float64 `json:"failing,omitempty"`
}

// Graph is a shop's nodes and edges, in a fixed order.
type Graph struct {
	Nodes []Node `json:"nodes"`
	Edges []Edge `json:"edges"`
}

// builder puts a graph together.
type builder struct {
	seconds float64
	nodes   map[string]Node
	edges   map[[2]string]*Edge
}

// Measure gives the graph of apps as it is declared, and with the rates of what has
// grown in each of their replicas, sidecars included, within a time. What was counted ever
// (ever) has an edge, too.
func (d Declared) Measure(apps []string, grown, ever []figures.Figures, within time.Duration) Graph {
	b := &builder{seconds: within.Seconds(), nodes: map[string]Node{}, edges: map[[2]string]*Edge{}}
	for _, app := range apps {
		b.node("app", app, "")
	}
	for _, c := range d.Components {
		kind := kindOf(c)
		if kind == "" || len(c.Scopes) == 0 {
			continue
		}
		for _, app := range c.Scopes {
			if slices.Contains(apps, app) {
				b.edge(b.node("app", app, ""), b.node(kind, c.Name, c.Type), map[string]string{"store": "keeps", "binding": "sends"}[kind])
			}
		}
	}
	for _, s := range d.Subscriptions {
		for _, app := range s.Apps {
			if slices.Contains(apps, app) {
				b.edge(b.node("topic", s.Topic, d.typeOf(s.Component)), b.node("app", app, ""), "hears")
			}
		}
	}
	for _, f := range ever {
		b.count(d, f, false)
	}
	for _, f := range grown {
		b.count(d, f, true)
	}
	return b.graph()
}

func (d Declared) typeOf(component string) string {
	for _, c := range d.Components {
		if c.Name == component {
			return c.Type
		}
	}
	return ""
}

// count takes the counters of one process in. Only those that have counted something make
// an edge; the rates are of what has grown.
func (b *builder) count(d Declared, f figures.Figures, rates bool) {
	for _, s := range f {
		if !Wanted(s.Name) || s.Value == 0 {
			continue
		}
		e := b.of(d, s)
		if e == nil || !rates {
			continue
		}
		e.Rate += s.Value / b.seconds
		if s.Labels["success"] == "false" || s.Labels["process_status"] != "" && s.Labels["process_status"] != "success" || s.Labels["status"] == "5xx" {
			e.Failing += s.Value / b.seconds
		}
	}
}

func (b *builder) of(d Declared, s figures.Series) *Edge {
	app := "app:" + s.Labels["app_id"]
	switch s.Name {
	case calls:
		return b.edge(app, b.node("app", s.Labels["dst_app_id"], ""), "calls")
	case states:
		return b.edge(app, b.node("store", s.Labels["component"], d.typeOf(s.Labels["component"])), "keeps")
	case egress, bulk:
		return b.edge(app, b.node("topic", s.Labels["topic"], d.typeOf(s.Labels["component"])), "publishes")
	case ingress:
		return b.edge(b.node("topic", s.Labels["topic"], d.typeOf(s.Labels["component"])), app, "hears")
	case bindings:
		return b.edge(app, b.node("binding", s.Labels["component"], d.typeOf(s.Labels["component"])), "sends")
	case clients:
		return b.edge(b.node("client", "clients", ""), b.node("app", "gateway", ""), "calls")
	}
	return nil
}

func (b *builder) node(kind, name, what string) string {
	id := kind + ":" + name
	if n, known := b.nodes[id]; !known || n.Type == "" {
		b.nodes[id] = Node{id, kind, name, what}
	}
	return id
}

func (b *builder) edge(from, to, kind string) *Edge {
	e := b.edges[[2]string{from, to}]
	if e == nil {
		e = &Edge{From: from, To: to, Kind: kind}
		b.edges[[2]string{from, to}] = e
	}
	return e
}

func (b *builder) graph() Graph {
	g := Graph{Nodes: slices.AppendSeq([]Node{}, maps.Values(b.nodes)), Edges: []Edge{}}
	slices.SortFunc(g.Nodes, func(x, y Node) int { return strings.Compare(x.ID, y.ID) })
	for _, e := range b.edges {
		g.Edges = append(g.Edges, *e)
	}
	slices.SortFunc(g.Edges, func(x, y Edge) int { return cmp.Or(strings.Compare(x.From, y.From), strings.Compare(x.To, y.To)) })
	return g
}
