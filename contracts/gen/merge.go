package main

import (
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// merger brings the components of several contracts into one. Components of
// one name that mean the same become one; of those that differ, the first app's
// keeps the name and the others get their app's name before it.
type merger struct {
	docs map[string]*yaml.Node
	apps []string
}

// component is one component of one app.
type component struct{ app, kind, name string }

func (m *merger) components(paths, into *yaml.Node) {
	used := map[component]*yaml.Node{}
	m.reach(paths, used)
	final := m.names(used)
	rename := func(n *yaml.Node) {
		for ref := range refs(n) {
			c := parseRef(ref.Value)
			ref.Value = "#/components/" + c.kind + "/" + final[c]
		}
	}
	order := slices.SortedFunc(maps.Keys(used), func(a, b component) int {
		if d := strings.Compare(a.kind+" "+final[a], b.kind+" "+final[b]); d != 0 {
			return d
		}
		return slices.Index(m.apps, a.app) - slices.Index(m.apps, b.app)
	})
	for _, c := range order {
		kind := get(into, c.kind)
		if kind == nil {
			kind = mapping()
			set(into, c.kind, kind)
		}
		if get(kind, final[c]) == nil {
			n := clone(used[c])
			rename(n)
			set(kind, final[c], n)
		}
	}
	rename(paths)
}

// names gives each component its name in the merged contract.
func (m *merger) names(used map[component]*yaml.Node) map[component]string {
	final := map[component]string{}
	type same struct{ kind, name, meaning string }
	known := map[same]string{}
	taken := map[[2]string]bool{}
	for _, app := range m.apps {
		for c, n := range used {
			if c.app != app {
				continue
			}
			is := same{c.kind, c.name, m.meaning(n, c.kind == "schemas", 0)}
			if known[is] == "" {
				known[is] = c.name
				if key := [2]string{c.kind, c.name}; taken[key] {
					known[is] = strings.ToUpper(app[:1]) + app[1:] + c.name
				} else {
					taken[key] = true
				}
			}
			final[c] = known[is]
		}
	}
	return final
}

// reach collects the components that a node needs, with qualified references.
func (m *merger) reach(n *yaml.Node, used map[component]*yaml.Node) {
	for ref := range refs(n) {
		c := parseRef(ref.Value)
		if used[c] != nil {
			continue
		}
		used[c] = m.find(c)
		m.reach(used[c], used)
	}
}

func (m *merger) find(c component) *yaml.Node {
	n := clone(get(get(get(m.docs[c.app], "components"), c.kind), c.name))
	qualify(n, c.app)
	return n
}

func parseRef(s string) component {
	parts := strings.SplitN(strings.TrimPrefix(s, "#/"), "/", 3)
	if len(parts) != 3 {
		return component{}
	}
	return component{parts[0], parts[1], parts[2]}
}

// meaning gives a form in which equal components are equal: references
// followed, keys and required names sorted, and the descriptions of schemas
// left out.
func (m *merger) meaning(n *yaml.Node, schema bool, depth int) string {
	switch n.Kind {
	case yaml.MappingNode:
		if ref := get(n, "$ref"); ref != nil {
			if c := parseRef(ref.Value); depth < 32 {
				return m.meaning(m.find(c), c.kind == "schemas", depth+1)
			}
			return ref.Value
		}
		var parts []string
		for key, v := range pairs(n) {
			if schema && key == "description" && v.Kind == yaml.ScalarNode {
				continue
			}
			said := m.meaning(v, schema || key == "schema", depth+1)
			if key == "required" && v.Kind == yaml.SequenceNode {
				said = sortedWords(v)
			}
			parts = append(parts, key+": "+said)
		}
		slices.Sort(parts)
		return "{" + strings.Join(parts, ", ") + "}"
	case yaml.SequenceNode:
		var parts []string
		for _, e := range n.Content {
			parts = append(parts, m.meaning(e, schema, depth+1))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	default:
		return n.Tag + " " + n.Value
	}
}

func sortedWords(n *yaml.Node) string {
	var words []string
	for _, e := range n.Content {
		words = append(words, e.Value)
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}
