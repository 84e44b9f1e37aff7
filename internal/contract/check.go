package contract

import (
	"bytes"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"tienda/internal/fault"
)

type param struct {
	name     string
	in       string // "query", "path", "header", "cookie"
	required bool
	kind     string // JSON type of the schema
	schema   *jsonschema.Schema
}

func (d *compiler) addParam(op *Operation, p map[string]any, at []string) error {
	p, at = d.deref(p, at)
	s, err := d.compile(append(slices.Clone(at), "schema")...)
	if err != nil {
		return err
	}
	required, _ := p["required"].(bool)
	// A schema that is a reference is followed, for its type.
	schema, _ := d.deref(obj(p["schema"]), nil)
	op.params = append(op.params, param{
		name: str(p["name"]), in: str(p["in"]), required: required, kind: str(schema["type"]), schema: s,
	})
	return nil
}

// Check holds a request to the operation: its parameters and its body. The
// error is a *fault.Error that names every bad field.
func (o *Operation) Check(r *http.Request, pathVars map[string]string, body []byte) error {
	fields := o.checkParams(r, pathVars)
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	schema, known := o.bodies[media]
	switch {
	case len(o.bodies) == 0 && len(body) > 0:
		fields = append(fields, fault.Field{Name: "", Reason: "this route takes no body"})
	case len(o.bodies) == 0 || (len(body) == 0 && !o.bodyRequired):
	case !known:
		return fault.New(fault.UnsupportedMedia, "unsupported_media_type",
			"This route takes "+strings.Join(slices.Sorted(maps.Keys(o.bodies)), " or ")+".")
	case schema != nil:
		fields = append(fields, schema.Check(body)...)
	}
	if len(fields) > 0 {
		return fault.BadFields(fields...)
	}
	return nil
}

// Streams says whether the operation takes a body that is read line by line.
func (o *Operation) Streams() bool {
	_, ok := o.bodies[NDJSON]
	return ok
}

func (o *Operation) checkParams(r *http.Request, pathVars map[string]string) []fault.Field {
	var fields []fault.Field
	var query url.Values
	if r.URL.RawQuery != "" {
		var err error
		if query, err = url.ParseQuery(r.URL.RawQuery); err != nil {
			return []fault.Field{{Name: "query", Reason: "is not well formed"}}
		}
	}
	for name, values := range query {
		i := slices.IndexFunc(o.params, func(p param) bool { return p.in == "query" && p.name == name })
		switch {
		case i < 0:
			fields = append(fields, fault.Field{Name: name, Reason: "is not a parameter of this route"})
		case len(values) > 1:
			fields = append(fields, fault.Field{Name: name, Reason: "is given more than once"})
		}
	}
	for _, p := range o.params {
		var text string
		var given bool
		switch p.in {
		case "query":
			given, text = query.Has(p.name), query.Get(p.name)
		case "path":
			text, given = pathVars[p.name]
		case "header":
			text = r.Header.Get(p.name)
			given = text != ""
		default:
			continue
		}
		if !given {
			if p.required {
				fields = append(fields, fault.Field{Name: p.name, Reason: "is required"})
			}
			continue
		}
		fields = append(fields, p.check(text)...)
	}
	slices.SortStableFunc(fields, func(a, b fault.Field) int { return strings.Compare(a.Name, b.Name) })
	return fields
}

func (p param) check(text string) []fault.Field {
	var value any = text
	switch p.kind {
	case "integer":
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return []fault.Field{{Name: p.name, Reason: "is not a whole number"}}
		}
		value = n
	case "boolean":
		b, err := strconv.ParseBool(text)
		if err != nil || (text != "true" && text != "false") {
			return []fault.Field{{Name: p.name, Reason: "is neither true nor false"}}
		}
		value = b
	}
	fields := failures(p.schema.Validate(value))
	for i := range fields {
		fields[i].Name = p.name
	}
	return fields
}

// CheckResponse holds an answer to the operation, for tests: its status must
// be documented, and its body must be what is documented for the status.
func (o *Operation) CheckResponse(status int, contentType string, body []byte) error {
	r, ok := o.responses[status]
	if !ok {
		return fmt.Errorf("%s %s: status %d is not in the contract: %.300s", o.Method, o.Path, status, body)
	}
	if len(r.bodies) == 0 {
		if len(body) > 0 {
			return fmt.Errorf("%s %s: status %d has a body that is not in the contract", o.Method, o.Path, status)
		}
		return nil
	}
	media, _, _ := mime.ParseMediaType(contentType)
	schema, ok := r.bodies[media]
	if !ok {
		return fmt.Errorf("%s %s: status %d has content type %q that is not in the contract", o.Method, o.Path, status, contentType)
	}
	if schema == nil {
		return nil
	}
	if fields := schema.Check(body); len(fields) > 0 {
		return fmt.Errorf("%s %s: status %d does not fit the contract: %v in %.500s", o.Method, o.Path, status, fields, body)
	}
	return nil
}

// Schema checks single documents: bodies, the lines of a stream, the data of events.
type Schema struct {
	s     *jsonschema.Schema
	quick *quick
}

// Check gives every bad field of a document; none: it fits. What surely fits is seen to
// without building its values, at a tenth of the price.
func (s *Schema) Check(doc []byte) []fault.Field {
	if s.quick.fits(doc) {
		return nil
	}
	return s.failures(doc)
}

func (s *Schema) failures(doc []byte) []fault.Field {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		return []fault.Field{{Name: "", Reason: "is not well-formed JSON"}}
	}
	if bad := oversized(v, nil); len(bad) > 0 {
		return bad
	}
	return failures(s.s.Validate(v))
}
