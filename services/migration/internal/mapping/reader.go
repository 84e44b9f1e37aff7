package mapping

import (
	"strconv"

	"gopkg.in/yaml.v3"
)

// parser reads the file's nodes and gathers what is wrong.
type parser struct {
	list
	defaults defaults
	kind     *Kind // the one that is being read
	ids      []idRef

	reverseRefs []idRef // of reverse
}

// idRef is a reference to a document of another kind, held to it at the end.
type idRef struct {
	target string
	key    []use
	line   int
	to     **Kind
	part   int // of reverse: the column of the key that is taken
}

// object is a YAML mapping whose members are taken out one by one; what is left
// over is not known.
type object struct {
	p     *parser
	node  *yaml.Node
	names []string
	at    map[string]*yaml.Node
	lines map[string]int
	taken map[string]bool
}

// object reads a mapping; what names it in errors.
func (p *parser) object(n *yaml.Node, what string) (*object, bool) {
	n = plain(n)
	if n.Kind != yaml.MappingNode {
		p.add(n.Line, "%s: must be a mapping of names to values", what)
		return nil, false
	}
	o := &object{p: p, node: n, at: map[string]*yaml.Node{}, lines: map[string]int{}, taken: map[string]bool{}}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i].Value
		if _, twice := o.at[name]; twice {
			p.add(n.Content[i].Line, "%s: is given twice, first on line %d", name, o.lines[name])
			continue
		}
		o.names = append(o.names, name)
		o.at[name], o.lines[name] = plain(n.Content[i+1]), n.Content[i].Line
	}
	return o, true
}

// plain follows an alias to its anchor.
func plain(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// take gives a member, nil where there is none.
func (o *object) take(name string) *yaml.Node {
	o.taken[name] = true
	return o.at[name]
}

// done says of every member that nobody took that it is not known.
func (o *object) done(what string) {
	for _, name := range o.names {
		if !o.taken[name] {
			o.p.add(o.lines[name], "%s: %s is not known here", what, name)
		}
	}
}

// text takes a member that is a text; "" where there is none.
func (o *object) text(name string) string {
	n := o.take(name)
	if n == nil {
		return ""
	}
	return o.p.text(n, name)
}

// needText takes a text that must be there.
func (o *object) needText(name, what string) string {
	n := o.take(name)
	if n == nil {
		o.p.add(o.node.Line, "%s: %s is missing", what, name)
		return ""
	}
	return o.p.text(n, name)
}

func (p *parser) text(n *yaml.Node, what string) string {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" || n.Value == "" {
		p.add(n.Line, "%s: must be a text that is not empty", what)
		return ""
	}
	return n.Value
}

// raw takes a text that may be blank: a separator.
func (o *object) raw(name, otherwise string) string {
	n := o.take(name)
	if n == nil {
		return otherwise
	}
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		o.p.add(n.Line, "%s: must be a text", name)
	}
	return n.Value
}

func (o *object) flag(name string) bool {
	n := o.take(name)
	if n == nil {
		return false
	}
	if n.Tag != "!!bool" {
		o.p.add(n.Line, "%s: must be true or false", name)
		return false
	}
	b, err := strconv.ParseBool(n.Value)
	if err != nil {
		o.p.add(n.Line, "%s: must be true or false", name)
	}
	return b
}

func (o *object) oneOf(name, otherwise string, values ...string) string {
	n := o.take(name)
	if n == nil {
		return otherwise
	}
	for _, v := range values {
		if n.Kind == yaml.ScalarNode && n.Value == v {
			return v
		}
	}
	o.p.add(n.Line, "%s: must be one of %v", name, values)
	return otherwise
}

// texts reads a text or a list of them.
func (p *parser) texts(n *yaml.Node, what string) []string {
	if n == nil {
		return nil
	}
	if n.Kind == yaml.ScalarNode {
		return []string{p.text(n, what)}
	}
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		p.add(n.Line, "%s: must be a list of names", what)
		return nil
	}
	var out []string
	for _, one := range n.Content {
		out = append(out, p.text(plain(one), what))
	}
	return out
}

// constant reads a value that has a place in a document: no null, no fraction.
func (p *parser) constant(n *yaml.Node) any {
	n = plain(n)
	if n.Kind == yaml.SequenceNode {
		out := []any{}
		for _, one := range n.Content {
			out = append(out, p.constant(one))
		}
		return out
	}
	if n.Kind == yaml.MappingNode {
		out := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			out[n.Content[i].Value] = p.constant(n.Content[i+1])
		}
		return out
	}
	switch n.Tag {
	case "!!int":
		i, err := strconv.ParseInt(n.Value, 0, 64)
		if err != nil {
			p.add(n.Line, "%s is not a whole number of 64 bits", n.Value)
		}
		return i
	case "!!bool":
		b, err := strconv.ParseBool(n.Value)
		if err != nil {
			p.add(n.Line, "%s is neither true nor false", n.Value)
		}
		return b
	case "!!float", "!!null":
		p.add(n.Line, "a constant is a text, a whole number, true or false, or a list or mapping of these")
	}
	return n.Value
}
