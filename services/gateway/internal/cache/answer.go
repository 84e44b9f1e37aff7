package cache

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"tienda/internal/problem"
	"tienda/internal/trace"
	"tienda/services/gateway/internal/forward"
)

// errNotShared: the answer is too large to keep, or only for one client.
// Everybody who waited asks on his own.
var errNotShared = errors.New("the answer cannot be shared")

// revalidate lets clients keep an answer, and has them ask each time whether it
// still holds.
var revalidate = []string{"public, max-age=0, must-revalidate"}

// found is what a fetch gave. Header values are made once: a header map takes
// slices, and nothing changes them.
type found struct {
	answer    *forward.Answer
	err       error
	etag      []string // nil: not a 200
	length    []string
	requestID string // of the request that caused the fetch
}

func newFound(a *forward.Answer, requestID string) found {
	f := found{answer: a, requestID: requestID, length: []string{strconv.Itoa(len(a.Body))}}
	if a.Status == http.StatusOK {
		sum := sha256.Sum256(a.Body)
		f.etag = []string{forward.ETag(a.Header.Get("Etag"), base64.RawURLEncoding.EncodeToString(sum[:16]))}
		a.Header["Etag"], a.Header["Cache-Control"] = f.etag, revalidate
	}
	return f
}

// private says that an answer was made for one client. Problem documents are
// never stored, and yet the same for all who wait.
func private(h http.Header) bool {
	if len(h["Set-Cookie"]) > 0 {
		return true
	}
	control := h.Get("Cache-Control")
	return h.Get("Content-Type") != problem.ContentType && (strings.Contains(control, "no-store") || strings.Contains(control, "private"))
}

func (f *found) weight() int {
	n := len(f.answer.Body)
	for name, values := range f.answer.Header {
		n += len(name)
		for _, v := range values {
			n += len(v)
		}
	}
	return n
}

// write answers r. Request ID and security headers are r's own, and set already.
func (f *found) write(w http.ResponseWriter, r *http.Request, t trace.Trace) {
	h := w.Header()
	if f.etag != nil && matches(r.Header["If-None-Match"], f.etag[0]) {
		h["Etag"], h["Cache-Control"] = f.etag, revalidate
		f.vary(h)
		w.WriteHeader(http.StatusNotModified)
		return
	}
	for name, values := range f.answer.Header {
		if name != "Vary" {
			h[name] = values
		}
	}
	f.vary(h)
	body := f.answer.Body
	h["Content-Length"] = f.length
	if f.answer.Status >= http.StatusBadRequest && t.RequestID != f.requestID {
		// A problem document names the request that it answers.
		body = bytes.Replace(body, []byte(`"request_id":"`+f.requestID+`"`), []byte(`"request_id":"`+t.RequestID+`"`), 1)
		h["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	w.WriteHeader(f.answer.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client is gone if this fails
	}
}

// vary adds what the answer depends on to what the edge has said.
func (f *found) vary(h http.Header) {
	if v := f.answer.Header["Vary"]; len(v) > 0 {
		h["Vary"] = slices.Concat(h["Vary"], v)
	}
}

// matches says whether If-None-Match names the tag. Weak tags match as well
// (RFC 9110, 13.1.2); no tag of ours has a comma in it.
func matches(header []string, tag string) bool {
	for _, line := range header {
		for t := range strings.SplitSeq(line, ",") {
			t = strings.TrimSpace(t)
			if t == "*" || strings.TrimPrefix(t, "W/") == tag {
				return true
			}
		}
	}
	return false
}
