package mapping

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

var (
	pointerForm   = regexp.MustCompile(`^(/[^/]+)+$`)
	nameForm      = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)
	firstWord     = regexp.MustCompile(`(?i)^\s*(insert|update|delete|with)\b`)
	returningWord = regexp.MustCompile(`(?i)\breturning\b`)
)

// readReverse reads how the documents of a kind are written back.
func (p *parser) readReverse(k *Kind, n *yaml.Node) *Reverse {
	r := &Reverse{line: n.Line, kind: k, lost: map[string]string{}}
	o, ok := p.object(n, "reverse")
	if !ok {
		return r
	}
	if w := o.take("when"); w != nil {
		r.when = p.readCondition(w)
	}
	r.values = p.readTakings(o.take("values"), "values")
	names := append([]string{"uuid"}, known(r.values)...)
	used := map[string]bool{}
	if i := o.take("insert"); i != nil {
		if s, ok := p.statement(i, names, used); ok {
			r.insert = &s
			if !returningWord.MatchString(s.SQL) {
				p.add(i.Line, "insert: ends with RETURNING and the columns of key")
			}
		}
	} else if r.when != nil {
		p.add(o.lines["when"], "when: chooses where there is an insert")
	}
	names = append(names, k.key...)
	if w := o.take("write"); w == nil {
		p.add(n.Line, "reverse: write is missing")
	} else {
		r.write = p.readSteps(w, names, used, true)
	}
	if d := o.take("delete"); d != nil {
		r.remove = p.readSteps(d, append([]string{"uuid"}, k.key...), map[string]bool{}, false)
	}
	for _, name := range known(r.values) {
		if !used[name] {
			p.add(r.values[name].line, "values: nothing uses %s", name)
		}
		if slices.Contains(k.key, name) {
			p.add(r.values[name].line, "values: %s is a column of key", name)
		}
	}
	if l := o.take("lost"); l != nil {
		p.readLost(r, l)
	}
	o.done("reverse")
	p.covered(k, r)
	return r
}

func known(values map[string]*taking) []string {
	var out []string
	for name := range values {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

func (p *parser) pointer(n *yaml.Node, what string) string {
	t := p.text(n, what)
	if t != "" && !pointerForm.MatchString(t) {
		p.add(n.Line, "%s: %s is no JSON pointer, as /lines is", what, t)
	}
	return t
}

func (p *parser) readCondition(n *yaml.Node) *condition {
	o, ok := p.object(n, "when")
	if !ok {
		return nil
	}
	present, absent := o.take("present"), o.take("absent")
	o.done("when")
	switch {
	case (present == nil) == (absent == nil):
		p.add(n.Line, "when: has either present or absent")
		return nil
	case present != nil:
		return &condition{pointer: p.pointer(present, "present"), present: true}
	}
	return &condition{pointer: p.pointer(absent, "absent")}
}

func (p *parser) readTakings(n *yaml.Node, what string) map[string]*taking {
	out := map[string]*taking{}
	if n == nil {
		return out
	}
	o, ok := p.object(n, what)
	if !ok {
		return out
	}
	for _, name := range o.names {
		line := o.lines[name]
		if !nameForm.MatchString(name) || slices.Contains([]string{"uuid", "place", "count"}, name) {
			p.add(line, "values: %s is no name of a value, or one that has a meaning", name)
		}
		t := p.readTaking(o.at[name], name)
		t.line = line
		out[name] = t
	}
	return out
}

func (p *parser) readTaking(n *yaml.Node, name string) *taking {
	t := &taking{}
	if n.Kind == yaml.ScalarNode {
		t.pointer = p.pointer(n, name)
		return t
	}
	o, ok := p.object(n, name)
	if !ok {
		return t
	}
	for _, word := range o.names {
		if !isTaking(word) {
			continue
		}
		if t.as != "" {
			p.add(o.lines[word], "%s: has two ways to be taken; the second is %s", name, word)
		}
		t.as, t.pointer = word, p.pointer(o.take(word), word)
	}
	if t.as == "" {
		p.add(n.Line, "%s: says not how it is taken: a JSON pointer, or one of %s", name, strings.Join(takings, ", "))
		return t
	}
	switch t.as {
	case "decimal":
		t.shift = p.number(o.take("shift"), "shift")
	case "local":
		zone := o.text("zone")
		if zone == "" {
			zone = p.defaults.zone
		}
		if zone == "" {
			p.add(n.Line, "%s: local: in which zone? Give zone, or a default for the file", name)
		}
		t.zone = p.location(n.Line, zone)
	case "enum":
		p.readEnum(o, t, name)
	case "key":
		t.of, t.part = new(*Kind), p.number(o.take("part"), "part")
		p.reverseRefs = append(p.reverseRefs, idRef{target: o.needText("of", name), line: o.lines["of"], to: t.of, part: t.part})
	}
	if d := o.take("default"); d != nil {
		v := p.text(d, "default")
		t.fallback = &v
	}
	o.done(name)
	return t
}

func (p *parser) readEnum(o *object, t *taking, name string) {
	t.values = map[string]string{}
	if v := o.take("values"); v == nil {
		p.add(o.node.Line, "%s: values is missing", name)
	} else if given, ok := p.object(v, "values"); ok {
		for _, from := range given.names {
			t.values[from] = given.raw(from, "")
		}
	}
	if v := o.take("otherwise"); v != nil {
		to := p.text(v, "otherwise")
		t.otherwise = &to
	}
}

func (p *parser) number(n *yaml.Node, what string) int {
	if n == nil {
		return 0
	}
	i, err := strconv.Atoi(n.Value)
	if err != nil || i < 0 || i > 18 {
		p.add(n.Line, "%s: must be a whole number from 0 to 18", what)
	}
	return i
}

// readSteps reads statements, each a text, or with what there is to it.
func (p *parser) readSteps(n *yaml.Node, names []string, used map[string]bool, lists bool) []*step {
	if n.Kind != yaml.SequenceNode {
		p.add(n.Line, "must be a list of statements")
		return nil
	}
	var out []*step
	for _, one := range n.Content {
		if s := p.readStep(plain(one), names, used, lists); s != nil {
			out = append(out, s)
		}
	}
	return out
}

func (p *parser) readStep(n *yaml.Node, names []string, used map[string]bool, lists bool) *step {
	if n.Kind == yaml.ScalarNode {
		s, ok := p.statement(n, names, used)
		if !ok {
			return nil
		}
		return &step{try: []Statement{s}}
	}
	o, ok := p.object(n, "a statement")
	if !ok {
		return nil
	}
	defer o.done("a statement")
	if one := o.take("one"); one != nil {
		out := &step{needed: true}
		all := []*yaml.Node{one}
		if one.Kind == yaml.SequenceNode {
			all = one.Content
		}
		for _, each := range all {
			if s, ok := p.statement(plain(each), names, used); ok {
				out.try = append(out.try, s)
			}
		}
		return out
	}
	each := o.take("each")
	if each == nil || !lists {
		p.add(n.Line, "a statement is a text, or has one, or, in write alone, each")
		return nil
	}
	out := &step{each: p.pointer(each, "each"), values: p.readTakings(o.take("values"), "values")}
	inner := map[string]bool{}
	do := o.take("do")
	if do == nil {
		p.add(n.Line, "each: do is missing")
		return nil
	}
	out.do = p.readSteps(do, slices.Concat(names, known(out.values), []string{"place", "count"}), inner, false)
	for name := range inner {
		if _, mine := out.values[name]; !mine {
			used[name] = true
		}
	}
	for _, name := range known(out.values) {
		if !inner[name] {
			p.add(out.values[name].line, "values: nothing uses %s", name)
		}
	}
	return out
}

func (p *parser) statement(n *yaml.Node, names []string, used map[string]bool) (Statement, bool) {
	sql := p.text(n, "a statement")
	if sql == "" {
		return Statement{}, false
	}
	s, err := named(sql)
	if err != nil {
		p.add(n.Line, "SQL: %s", err)
		return s, false
	}
	s.Line = n.Line
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		s.Line++ // behind the line with the bar
	}
	if !firstWord.MatchString(sql) {
		p.add(s.Line, "SQL: only INSERT, UPDATE, DELETE, and WITH before one of them, write back")
	}
	for _, name := range s.Names {
		used[name] = true
		if !slices.Contains(names, name) {
			p.add(s.Line, "SQL: nothing gives :%s here", name)
		}
	}
	return s, true
}

func (p *parser) readLost(r *Reverse, n *yaml.Node) {
	o, ok := p.object(n, "lost")
	if !ok {
		return
	}
	for _, name := range o.names {
		if !pointerForm.MatchString(name) {
			p.add(o.lines[name], "lost: %s is no JSON pointer, as /lines/*/note is", name)
		}
		r.lost[name] = o.needText(name, "lost")
	}
}
