// Package contract holds a running service to its OpenAPI 3.1 document: which
// operations there are, what each takes and answers, and the limits it states.
//
// Schemas of OpenAPI 3.1 are JSON Schema 2020-12; each is compiled once, when
// the service starts.
package contract

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"
)

// DefaultMaxBody is the largest body in bytes of an operation that states no
// x-max-body-bytes of its own.
const DefaultMaxBody = 64 << 10

// Contract is one service's OpenAPI document, compiled.
type Contract struct {
	Title string
	ops   map[string]*Operation
	doc   *compiler
}

// Operation is one method of one path.
type Operation struct {
	Method, Path string // Path as in the document: "/v1/products/{id}"
	ID           string
	MaxBody      int64    // bytes
	Callers      []string // the app IDs that x-callers names: those between apps alone

	bodies       map[string]*Schema // by media type; nil: not checked as a whole
	bodyRequired bool
	params       []param
	responses    map[int]response
}

type response struct {
	bodies map[string]*Schema
}

// Load reads and compiles openapi/<name>.yaml of fsys.
func Load(fsys fs.FS, name string) (*Contract, error) {
	file := "openapi/" + name + ".yaml"
	raw, err := fs.ReadFile(fsys, file)
	if err != nil {
		return nil, fmt.Errorf("contract: %w", err)
	}
	c, err := parse(raw, file)
	if err != nil {
		return nil, fmt.Errorf("contract: %s: %w", file, err)
	}
	return c, nil
}

func parse(raw []byte, url string) (*Contract, error) {
	js, err := yaml.YAMLToJSON(raw)
	if err != nil {
		return nil, err
	}
	doc, err := newCompiler(url, js)
	if err != nil {
		return nil, err
	}
	c := &Contract{Title: str(doc.at("info")["title"]), ops: map[string]*Operation{}, doc: doc}
	paths := doc.at("paths")
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item := obj(paths[path])
		for method, v := range item {
			if !isMethod(method) {
				continue
			}
			op, err := doc.operation(path, method, obj(v), list(item["parameters"]))
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", strings.ToUpper(method), path, err)
			}
			c.ops[op.Method+" "+op.Path] = op
		}
	}
	return c, nil
}

// Operation finds an operation by method and the document's path.
func (c *Contract) Operation(method, path string) (*Operation, bool) {
	op, ok := c.ops[method+" "+path]
	return op, ok
}

// Operations lists all, sorted by path and method.
func (c *Contract) Operations() []*Operation {
	return slices.SortedFunc(maps.Values(c.ops), func(a, b *Operation) int {
		return strings.Compare(a.Path+" "+a.Method, b.Path+" "+b.Method)
	})
}

// Schema compiles components/schemas/<name>, for the lines of a stream.
func (c *Contract) Schema(name string) (*Schema, error) {
	s, err := c.doc.compile("components", "schemas", name)
	if err != nil {
		return nil, err
	}
	return c.doc.schema(s), nil
}

// Statuses lists the response statuses that the operation documents.
func (o *Operation) Statuses() []int { return slices.Sorted(maps.Keys(o.responses)) }

func (d *compiler) operation(path, method string, o map[string]any, shared []any) (*Operation, error) {
	op := &Operation{
		Method: strings.ToUpper(method), Path: path, ID: str(o["operationId"]),
		MaxBody: DefaultMaxBody, responses: map[int]response{},
	}
	if n, ok := o["x-max-body-bytes"].(float64); ok {
		op.MaxBody = int64(n)
	}
	for _, app := range list(o["x-callers"]) {
		op.Callers = append(op.Callers, str(app))
	}
	base := []string{"paths", path, method}
	if body := obj(o["requestBody"]); len(body) > 0 {
		op.bodyRequired, _ = body["required"].(bool)
		var err error
		if op.bodies, err = d.bodies(body, append(slices.Clone(base), "requestBody")); err != nil {
			return nil, err
		}
	}
	for i, p := range list(o["parameters"]) {
		if err := d.addParam(op, obj(p), append(slices.Clone(base), "parameters", strconv.Itoa(i))); err != nil {
			return nil, err
		}
	}
	for i, p := range shared {
		if err := d.addParam(op, obj(p), []string{"paths", path, "parameters", strconv.Itoa(i)}); err != nil {
			return nil, err
		}
	}
	for code, r := range obj(o["responses"]) {
		status, err := strconv.Atoi(code)
		if err != nil {
			return nil, fmt.Errorf("response %q: only numbers are taken", code)
		}
		r, at := d.deref(obj(r), append(slices.Clone(base), "responses", code))
		bodies, err := d.bodies(r, at)
		if err != nil {
			return nil, err
		}
		op.responses[status] = response{bodies: bodies}
	}
	return op, nil
}

func (d *compiler) bodies(holder map[string]any, at []string) (map[string]*Schema, error) {
	content := obj(holder["content"])
	out := make(map[string]*Schema, len(content))
	for media := range content {
		out[media] = nil
		// A stream of lines is checked line by line, by its reader.
		if media == NDJSON || obj(obj(content[media])["schema"]) == nil {
			continue
		}
		s, err := d.compile(append(slices.Clone(at), "content", media, "schema")...)
		if err != nil {
			return nil, err
		}
		out[media] = d.schema(s)
	}
	return out, nil
}

func isMethod(s string) bool {
	return slices.Contains([]string{"get", "put", "post", "patch", "delete"}, s)
}
