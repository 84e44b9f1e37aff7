package view

import (
	"encoding/json"
	"net/http"
	"regexp"

	"tienda/cmd/tienda/internal/view/letters"
	"tienda/cmd/tienda/internal/view/traces"
	"tienda/cmd/tienda/internal/view/watch"
)

// most is how many traces, and kinds of problem, a list has.
const most = 25

// handler is all that the port answers. What is below /api is for the page, and may
// change with it.
func (v *View) handler() http.Handler {
	mux := http.NewServeMux()
	api := func(pattern string, h http.HandlerFunc) { mux.Handle(pattern, needs(tokenHeader, v.token, h)) }
	mux.HandleFunc("GET /{$}", file("index.html"))
	mux.HandleFunc("GET /page/{file}", func(w http.ResponseWriter, r *http.Request) { file(r.PathValue("file"))(w, r) })
	mux.Handle("POST /v1/traces", needs(spanHeader, v.spans, v.ring))
	api("GET /api/now", v.now)
	api("GET /api/traces", v.list)
	api("GET /api/traces/{id}", v.trace)
	api("GET /api/dead-letters", v.letters)
	api("GET /api/dead-letters/{app}/{id}", v.letter)
	api("POST /api/dead-letters/{app}/{id}/{what}", v.settle)
	return v.guard(mux)
}

// now gives how the shop is. It looks at the processes where nobody has within 1.5 s.
func (v *View) now(w http.ResponseWriter, r *http.Request) {
	answer(w, http.StatusOK, struct {
		watch.Now
		Profile   string           `json:"profile"`
		Gateway   string           `json:"gateway"`
		Collector string           `json:"collector"` // where traces go instead; "": here
		Incidents []Incident       `json:"incidents"`
		Problems  []traces.Problem `json:"problems"`
		Traces    int              `json:"traces_version"` // another one: spans have come
	}{v.watcher.Look(r.Context()), v.o.Profile, v.o.Gateway, v.o.Collector, v.noted(), v.ring.Problems(most), v.ring.Changes()})
}

// list gives the newest traces; only=failed and only=slow those that are.
func (v *View) list(w http.ResponseWriter, r *http.Request) {
	only := r.URL.Query().Get("only")
	found := v.ring.List(most, func(s traces.Summary) bool {
		return only == "" || only == "failed" && s.Failed || only == "slow" && s.Slow
	})
	answer(w, http.StatusOK, map[string]any{"items": found})
}

// trace gives the spans of a trace, in the order of their beginnings.
func (v *View) trace(w http.ResponseWriter, r *http.Request) {
	spans, dropped := v.ring.Trace(r.PathValue("id"))
	if spans == nil {
		refuse(w, http.StatusNotFound, "this trace is not kept any more")
		return
	}
	answer(w, http.StatusOK, map[string]any{"id": r.PathValue("id"), "spans": spans, "dropped": dropped})
}

// letters gives the dead letters that wait. One request to the gateway.
func (v *View) letters(w http.ResponseWriter, r *http.Request) {
	if v.o.Gateway == "" {
		refuse(w, http.StatusNotFound, "this shop has no gateway")
		return
	}
	v.pass(w)(v.desk.List(r.Context()))
}

var (
	appName  = regexp.MustCompile(`^[a-z][a-z0-9-]{0,40}$`)
	letterID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,100}$`)
)

// letter gives a letter with its event.
func (v *View) letter(w http.ResponseWriter, r *http.Request) {
	if app, id, ok := named(w, r); ok {
		v.pass(w)(v.desk.One(r.Context(), app, id))
	}
}

// settle replays or discards a letter, as the demo admin.
func (v *View) settle(w http.ResponseWriter, r *http.Request) {
	app, id, ok := named(w, r)
	if !ok {
		return
	}
	what := r.PathValue("what")
	if what != "replay" && what != "discard" {
		refuse(w, http.StatusNotFound, "a dead letter is replayed or discarded")
		return
	}
	v.pass(w)(v.desk.Settle(r.Context(), app, id, what))
}

// named gives which letter a request is about. What is no name or ID would be another
// path of the gateway.
func named(w http.ResponseWriter, r *http.Request) (app, id string, ok bool) {
	app, id = r.PathValue("app"), r.PathValue("id")
	if !appName.MatchString(app) || !letterID.MatchString(id) {
		refuse(w, http.StatusNotFound, "there is no such dead letter")
		return "", "", false
	}
	return app, id, true
}

// pass hands on what the gateway said.
func (v *View) pass(w http.ResponseWriter) func(letters.Answer, error) {
	return func(a letters.Answer, err error) {
		if err != nil {
			refuse(w, http.StatusBadGateway, err.Error())
			return
		}
		answer(w, a.Status, a.Body)
	}
}

func answer(w http.ResponseWriter, status int, what any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(what) // the page is gone if this fails
}

func refuse(w http.ResponseWriter, status int, why string) {
	answer(w, status, map[string]string{"detail": why})
}
