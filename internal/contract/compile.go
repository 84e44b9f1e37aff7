package contract

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// NDJSON is the media type of streams of one JSON document a line.
const NDJSON = "application/x-ndjson"

// compiler compiles schemas of one document, found by their place in it.
type compiler struct {
	url  string
	root map[string]any
	c    *jsonschema.Compiler

	quickened map[*jsonschema.Schema]*quick
}

func newCompiler(url string, js []byte) (*compiler, error) {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(js))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.RegisterVocabulary(wholeNumbers)
	c.AssertVocabs()
	if err := c.AddResource(url, v); err != nil {
		return nil, err
	}
	plain, ok := plainNumbers(v).(map[string]any)
	if !ok {
		return nil, fmt.Errorf("not an OpenAPI document")
	}
	return &compiler{url: url, root: plain, c: c, quickened: map[*jsonschema.Schema]*quick{}}, nil
}

func (d *compiler) compile(at ...string) (*jsonschema.Schema, error) {
	var b strings.Builder
	b.WriteString(d.url)
	b.WriteByte('#')
	for _, part := range at {
		b.WriteByte('/')
		part = strings.ReplaceAll(strings.ReplaceAll(part, "~", "~0"), "/", "~1")
		b.WriteString(strings.NewReplacer("{", "%7B", "}", "%7D", "%", "%25").Replace(part))
	}
	return d.c.Compile(b.String())
}

func (d *compiler) schema(s *jsonschema.Schema) *Schema {
	return &Schema{s, quicken(target(s), d.quickened)}
}

func (d *compiler) at(path ...string) map[string]any {
	cur := d.root
	for _, p := range path {
		cur = obj(cur[p])
	}
	return cur
}

// deref follows a "#/a/b" reference of a response or a parameter.
func (d *compiler) deref(o map[string]any, at []string) (map[string]any, []string) {
	ref := str(o["$ref"])
	if !strings.HasPrefix(ref, "#/") {
		return o, at
	}
	parts := strings.Split(ref[2:], "/")
	return d.at(parts...), parts
}

func obj(v any) map[string]any { m, _ := v.(map[string]any); return m }
func list(v any) []any         { l, _ := v.([]any); return l }
func str(v any) string         { s, _ := v.(string); return s }

// plainNumbers turns json.Number into float64, which the walk above expects.
func plainNumbers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = plainNumbers(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = plainNumbers(e)
		}
		return out
	case interface{ Float64() (float64, error) }:
		f, _ := v.Float64()
		return f
	default:
		return v
	}
}
