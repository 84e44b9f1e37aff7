// Package fault holds the few kinds of error that a domain can answer with.
//
// Domain packages return them, the HTTP edge maps each kind to one status in
// one table (package problem). Anything that is not a *fault.Error is a defect
// or an outage: it is logged whole and shown to nobody.
package fault

import (
	"errors"
	"fmt"
	"strings"
)

// Kind says what went wrong from the caller's point of view.
type Kind int

// The kinds, with the HTTP status that package problem gives each.
const (
	Internal           Kind = iota // 500: a defect or an outage of ours
	Invalid                        // 400: the request breaks its contract; Fields says where
	Unauthenticated                // 401: no, or no valid, proof of identity
	Forbidden                      // 403: known, and not allowed
	NotFound                       // 404: not there, or not the caller's to see
	MethodNotAllowed               // 405: the path is there, the method is not
	Conflict                       // 409: the resource's state does not allow it now
	PreconditionFailed             // 412: If-Match names another version
	TooLarge                       // 413: the body is over the stated limit
	UnsupportedMedia               // 415: not a content type that the route takes
	Unprocessable                  // 422: well formed, and refused by a rule; Fields says where
	TooMany                        // 429: over a stated rate
	Unavailable                    // 503: a part that is needed is away; try again
	TimedOut                       // 504: a part did not answer in time; what it did is not known
	Gone                           // 410: it was here once, and will not be again
)

// Field names one bad value of a request: a JSON pointer into the body
// ("/lines/0/quantity"), or the name of a query, path or header parameter.
type Field struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// Error is a failure that its caller may be told about.
type Error struct {
	Kind   Kind
	Code   string // stable, for programs: "out_of_stock"
	Detail string // one sentence for people, free of internals
	Fields []Field
	Cause  error // for the log only
	// NotHere says that this replica has done nothing, and another one may: it is about to
	// end, or has not read yet what it needs. Apps that call pass it by (package sidecar).
	NotHere bool
}

// Error gives the sentence, the fields and the cause, for logs.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Code)
	b.WriteString(": ")
	b.WriteString(e.Detail)
	for _, f := range e.Fields {
		fmt.Fprintf(&b, " [%s: %s]", f.Name, f.Reason)
	}
	if e.Cause != nil {
		b.WriteString(": ")
		b.WriteString(e.Cause.Error())
	}
	return b.String()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

// New makes an error of a kind with a code for programs and a sentence for people.
func New(kind Kind, code, detail string) *Error {
	return &Error{Kind: kind, Code: code, Detail: detail}
}

// Because returns a copy that carries the cause, for the log only.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.Cause = cause
	return &c
}

// Elsewhere returns a copy that sends callers to another replica.
func (e *Error) Elsewhere() *Error {
	c := *e
	c.NotHere = true
	return &c
}

// At returns a copy that names one more bad field.
func (e *Error) At(name, reason string) *Error {
	c := *e
	c.Fields = append(append([]Field(nil), e.Fields...), Field{Name: name, Reason: reason})
	return &c
}

// BadFields is the Invalid error for fields that break the contract.
func BadFields(fields ...Field) *Error {
	return &Error{Kind: Invalid, Code: "invalid_request", Detail: "The request does not fit its contract.", Fields: fields}
}

// BadField is BadFields for one field.
func BadField(name, reason string) *Error { return BadFields(Field{Name: name, Reason: reason}) }

// Missing is the NotFound error for a kind of thing: "order".
func Missing(what string) *Error {
	return New(NotFound, "not_found", "There is no such "+what+".")
}

// KindOf gives an error's kind; Internal for one that is not a *Error.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// CodeOf gives an error's code; "internal" for one that is not a *Error.
func CodeOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return "internal"
}
