// Package problem writes errors as RFC 9457 problem documents.
//
// The table in this file is the only place where an error kind becomes an
// HTTP status. What is not a *fault.Error becomes a 500 with a fixed text.
package problem

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"tienda/internal/fault"
)

// ContentType is the media type of a problem document.
const ContentType = "application/problem+json"

// HeaderElsewhere marks an answer of a replica that has done nothing, and whose caller is to
// ask another one. It is for apps: the gateway gives it to no client.
const HeaderElsewhere = "Tienda-Elsewhere"

// RetryAfterSeconds is what a 503 of ours asks its caller to wait.
const RetryAfterSeconds = 1

var statuses = map[fault.Kind]int{
	fault.Internal:           http.StatusInternalServerError,
	fault.Invalid:            http.StatusBadRequest,
	fault.Unauthenticated:    http.StatusUnauthorized,
	fault.Forbidden:          http.StatusForbidden,
	fault.NotFound:           http.StatusNotFound,
	fault.MethodNotAllowed:   http.StatusMethodNotAllowed,
	fault.Conflict:           http.StatusConflict,
	fault.PreconditionFailed: http.StatusPreconditionFailed,
	fault.TooLarge:           http.StatusRequestEntityTooLarge,
	fault.UnsupportedMedia:   http.StatusUnsupportedMediaType,
	fault.Unprocessable:      http.StatusUnprocessableEntity,
	fault.TooMany:            http.StatusTooManyRequests,
	fault.Unavailable:        http.StatusServiceUnavailable,
	fault.TimedOut:           http.StatusGatewayTimeout,
	fault.Gone:               http.StatusGone,
}

// Document is a problem document: RFC 9457's members, and three of ours.
type Document struct {
	Type      string        `json:"type"`
	Title     string        `json:"title"`
	Status    int           `json:"status"`
	Detail    string        `json:"detail,omitempty"`
	Code      string        `json:"code"`
	Fields    []fault.Field `json:"fields,omitempty"`
	RequestID string        `json:"request_id,omitempty"`
}

// From gives the document for an error, free of causes and internals.
func From(err error) Document {
	var e *fault.Error
	if !errors.As(err, &e) {
		e = fault.New(fault.Internal, "internal", "Something failed on our side. The request ID helps us to find it.")
	}
	status := statuses[e.Kind]
	return Document{
		Type: "about:blank", Title: http.StatusText(status), Status: status,
		Detail: e.Detail, Code: e.Code, Fields: e.Fields,
	}
}

// Write sends the document for err and returns the status that it gave.
func Write(w http.ResponseWriter, err error, requestID string) int {
	d := From(err)
	d.RequestID = requestID
	h := w.Header()
	h.Set("Content-Type", ContentType)
	h.Set("Cache-Control", "no-store")
	if e := new(fault.Error); errors.As(err, &e) && e.NotHere {
		h.Set(HeaderElsewhere, "1")
	}
	switch d.Status {
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", strconv.Itoa(RetryAfterSeconds))
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="tienda"`)
	}
	w.WriteHeader(d.Status)
	_ = json.NewEncoder(w).Encode(d) // the client is gone if this fails
	return d.Status
}

// Parse reads a problem document that another app sent and gives it back as
// the *fault.Error it was; ok is false where the body is no such document.
func Parse(status int, body []byte) (*fault.Error, bool) {
	var d Document
	if err := json.Unmarshal(body, &d); err != nil || d.Code == "" {
		return nil, false //nolint:nilerr // what is no problem document is for the caller to report
	}
	for kind, s := range statuses {
		if s == status && kind != fault.Internal {
			return &fault.Error{Kind: kind, Code: d.Code, Detail: d.Detail, Fields: d.Fields}, true
		}
	}
	return nil, false
}
