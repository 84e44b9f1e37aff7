package mapping

import (
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
	"gopkg.in/yaml.v3"
)

func (p *parser) columnOp(at *child, n *yaml.Node) *op {
	u := p.column(at, n, asIs)
	return &op{uses: []use{u}, line: n.Line, eval: u.value}
}

func (p *parser) constOp(_ *child, n *yaml.Node) *op {
	v := p.constant(n)
	return &op{values: []any{v}, eval: func(*scope) (any, error) { return v, nil }}
}

// enumOp gives each value of a column one of a document.
func (p *parser) enumOp(at *child, n *yaml.Node) *op {
	o, ok := p.object(n, "enum")
	if !ok {
		return &op{}
	}
	out := &op{}
	values := map[string]any{}
	column := o.take("column")
	if v := o.take("values"); v == nil {
		p.add(n.Line, "enum: values is missing")
	} else if given, ok := p.object(v, "values"); ok {
		for _, name := range given.names {
			values[name] = p.constant(given.at[name])
			out.values = append(out.values, values[name])
		}
	}
	var otherwise any
	if d := o.take("otherwise"); d != nil {
		otherwise = p.constant(d)
		out.values = append(out.values, otherwise)
	}
	ignoreCase := o.flag("ignore_case")
	o.done("enum")
	if column == nil {
		p.add(n.Line, "enum: column is missing")
		return out
	}
	if ignoreCase {
		for name, v := range values {
			values[strings.ToLower(name)] = v
		}
	}
	u := p.column(at, column, asText)
	out.uses = []use{u}
	out.eval = func(s *scope) (any, error) {
		v, err := u.value(s)
		if err != nil || v == nil {
			return nil, err
		}
		t, err := text(v)
		if err != nil {
			return nil, u.bad("%s", err)
		}
		if ignoreCase {
			t = strings.ToLower(t)
		}
		if to, ok := values[strings.TrimSpace(t)]; ok {
			return to, nil
		}
		if otherwise == nil {
			return nil, u.bad("has a value that enum does not list")
		}
		return otherwise, nil
	}
	return out
}

var hole = regexp.MustCompile(`\{([^{}]*)\}`)

// templateOp puts columns into a text. Where one is null there is no text.
func (p *parser) templateOp(at *child, n *yaml.Node) *op {
	t := p.text(n, "template")
	var uses []use
	for _, m := range hole.FindAllStringSubmatch(t, -1) {
		uses = append(uses, p.column(at, &yaml.Node{Kind: yaml.ScalarNode, Value: m[1], Line: n.Line}, asText))
	}
	between := hole.Split(t, -1)
	if strings.ContainsAny(strings.Join(between, ""), "{}") {
		p.add(n.Line, "template: has a brace without its other half")
	}
	return &op{uses: uses, eval: func(s *scope) (any, error) {
		parts, err := texts(s, uses)
		if err != nil {
			return nil, err
		}
		var b strings.Builder
		b.WriteString(between[0])
		for i, part := range parts {
			if part == nil {
				return nil, nil
			}
			b.WriteString(*part)
			b.WriteString(between[i+1])
		}
		return b.String(), nil
	}}
}

// texts gives columns as texts; nil where there is none.
func texts(s *scope, uses []use) ([]*string, error) {
	out := make([]*string, len(uses))
	for i, u := range uses {
		v, err := u.value(s)
		if err != nil {
			return nil, err
		}
		if v == nil {
			continue
		}
		t, err := text(v)
		if err != nil {
			return nil, u.bad("%s", err)
		}
		out[i] = &t
	}
	return out, nil
}

// idOp computes the ID of a document, also of another kind, from its key.
func (p *parser) idOp(at *child, n *yaml.Node) *op {
	o, ok := p.object(n, "id")
	if !ok {
		return &op{}
	}
	target, line := o.needText("kind", "id"), o.lines["kind"]
	key := o.take("key")
	if key == nil {
		p.add(n.Line, "id: key is missing")
	}
	uses := p.columnList(at, key, "key", asKey)
	o.done("id")
	to := new(*Kind)
	p.ids = append(p.ids, idRef{target: target, key: uses, line: line, to: to})
	return &op{uses: uses, eval: func(s *scope) (any, error) {
		values := make([]any, len(uses))
		for i, u := range uses {
			v, err := u.value(s)
			if err != nil || v == nil {
				return nil, err
			}
			values[i] = v
		}
		id, err := (*to).Identity(values)
		if err != nil {
			return nil, uses[0].bad("%s", err)
		}
		return id.ID, nil
	}}
}

// splitOp cuts a text: one part of it, or all of them as a list.
func (p *parser) splitOp(at *child, n *yaml.Node) *op {
	o, ok := p.object(n, "split")
	if !ok {
		return &op{}
	}
	column, by := o.take("column"), o.raw("by", ",")
	part := o.oneOf("part", "all", "all", "first", "last", "rest", "but_last")
	o.done("split")
	if column == nil {
		p.add(n.Line, "split: column is missing")
		return &op{}
	}
	if by == "" {
		p.add(n.Line, "split: by is empty")
	}
	u := p.column(at, column, asText)
	return &op{uses: []use{u}, eval: func(s *scope) (any, error) {
		got, err := texts(s, []use{u})
		if err != nil || got[0] == nil {
			return nil, err
		}
		return partOf(*got[0], by, part), nil
	}}
}

func partOf(t, by, part string) any {
	var parts []string
	for _, one := range strings.Split(t, by) {
		if one = strings.TrimSpace(one); one != "" {
			parts = append(parts, one)
		}
	}
	if part == "all" {
		out := []any{}
		for _, one := range parts {
			out = append(out, one)
		}
		return out
	}
	if len(parts) == 0 {
		return nil
	}
	switch part {
	case "first":
		return parts[0]
	case "last":
		return parts[len(parts)-1]
	case "rest":
		parts = parts[1:]
	default:
		parts = parts[:len(parts)-1]
	}
	if len(parts) == 0 {
		return nil
	}
	return strings.Join(parts, by)
}

// joinOp puts the texts that are there and not blank together.
func (p *parser) joinOp(at *child, n *yaml.Node) *op {
	o, ok := p.object(n, "join")
	if !ok {
		return &op{}
	}
	columns, by := o.take("columns"), o.raw("by", " ")
	if columns == nil {
		p.add(n.Line, "join: columns is missing")
	}
	uses := p.columnList(at, columns, "columns", asText)
	o.done("join")
	return &op{uses: uses, eval: func(s *scope) (any, error) {
		got, err := texts(s, uses)
		if err != nil {
			return nil, err
		}
		var parts []string
		for _, one := range got {
			if one != nil && strings.TrimSpace(*one) != "" {
				parts = append(parts, strings.TrimSpace(*one))
			}
		}
		if len(parts) == 0 {
			return nil, nil
		}
		return strings.Join(parts, by), nil
	}}
}

// slugOp makes the part of an address from a text, with a key behind it where the
// text alone could be there twice.
func (p *parser) slugOp(at *child, n *yaml.Node) *op {
	var column, key *yaml.Node
	if n.Kind == yaml.ScalarNode {
		column = n
	} else if o, ok := p.object(n, "slug"); ok {
		if column, key = o.take("column"), o.take("key"); column == nil {
			p.add(n.Line, "slug: column is missing")
		}
		o.done("slug")
	}
	if column == nil {
		return &op{}
	}
	uses := append([]use{p.column(at, column, asText)}, p.columnList(at, key, "key", asKey)...)
	return &op{uses: uses, eval: func(s *scope) (any, error) {
		got, err := texts(s, uses)
		if err != nil || got[0] == nil {
			return nil, err
		}
		var end string
		for i, one := range got[1:] {
			if one == nil {
				return nil, uses[i+1].bad("is null, and part of the slug")
			}
			end += "-" + slug(*one)
		}
		start := slug(*got[0])
		if room := maxSlug - len(end); len(start) > room && room > 0 {
			start = strings.Trim(start[:room], "-")
		}
		if whole := strings.Trim(start+end, "-"); whole != "" {
			return whole, nil
		}
		return nil, uses[0].bad("has neither letters nor digits for a slug")
	}}
}

// maxSlug is the longest that the catalog takes, in bytes.
const maxSlug = 100

// slug writes a text in small Latin letters, digits and single hyphens.
func slug(t string) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(strings.ToLower(t)) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case r == 'ß':
			b.WriteString("ss")
		case r == 'æ':
			b.WriteString("ae")
		case r == 'ø':
			b.WriteByte('o')
		case r == '\'' || unicode.Is(unicode.Mn, r):
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	return strings.Trim(b.String(), "-")
}
