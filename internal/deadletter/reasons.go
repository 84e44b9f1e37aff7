package deadletter

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"tienda/internal/problem"
)

// Bounds of what is remembered of refused deliveries: so many events, and so
// many bytes of an answer.
const (
	keptReasons = 256
	keptAnswer  = 4 << 10
)

// reasons remembers why this replica refused events, since a sidecar does not
// pass that on with a dead letter. What another replica refused is not known.
type reasons struct {
	mu   sync.Mutex
	by   map[string]*Reason // by letter ID
	ring [keptReasons]string
	next int
}

func newReasons() *reasons { return &reasons{by: map[string]*Reason{}} }

func (r *reasons) note(id string, why *Reason) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.by[id] == nil {
		delete(r.by, r.ring[r.next])
		r.ring[r.next] = id
		r.next = (r.next + 1) % keptReasons
	}
	r.by[id] = why
}

func (r *reasons) of(id string) *Reason {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.by[id]
}

// reasonOf reads an answer: a problem document, which is free of internals.
func reasonOf(status int, body []byte, late bool, now time.Time) *Reason {
	if late {
		return &Reason{Code: "timed_out", Detail: "The app took too long.", At: now}
	}
	var d problem.Document
	if json.Unmarshal(body, &d) != nil || d.Code == "" {
		return &Reason{Code: "status_" + strconv.Itoa(status), At: now}
	}
	if status == http.StatusInternalServerError {
		d.Detail = "The app failed; its log says why."
	}
	return &Reason{Code: d.Code, Detail: d.Detail, Fields: d.Fields, At: now}
}

// watch notes why deliveries of events are refused.
func (l *Letters) watch(app http.Handler) http.Handler {
	paths := map[string]bool{}
	for _, path := range l.topics {
		paths[path] = true
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !paths[r.URL.Path] {
			app.ServeHTTP(w, r)
			return
		}
		var event bytes.Buffer
		r.Body = tee{io.TeeReader(r.Body, &event), r.Body}
		seen := &watched{ResponseWriter: w}
		app.ServeHTTP(seen, r)
		if seen.status >= http.StatusBadRequest {
			id, _ := open(event.Bytes())
			l.reasons.note(id, reasonOf(seen.status, seen.body, r.Context().Err() != nil, l.now()))
		}
	})
}

type tee struct {
	io.Reader
	io.Closer
}

// watched keeps the beginning of a refusal.
type watched struct {
	http.ResponseWriter
	status int
	body   []byte
}

func (w *watched) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *watched) Write(b []byte) (int, error) {
	if w.status >= http.StatusBadRequest {
		w.body = append(w.body, b[:min(len(b), keptAnswer-len(w.body))]...)
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }
