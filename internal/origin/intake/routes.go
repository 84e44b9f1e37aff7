package intake

import (
	"encoding/json"
	"net/http"

	"tienda/internal/httpapi"
	"tienda/internal/origin"
	"tienda/internal/state"
)

// Routes are those of a kind, for the app migration alone: POST what is newer, POST
// /read what is kept, GET the IDs of all that has come.
func (k Kind[T]) Routes() []httpapi.Route {
	path, migration := "/internal/v1/sync/"+k.Name, httpapi.Apps("migration")
	return []httpapi.Route{
		{Method: http.MethodPost, Path: path, Who: migration, Handle: k.take},
		{Method: http.MethodPost, Path: path + "/read", Who: migration, Handle: k.read},
		{Method: http.MethodGet, Path: path, Who: migration, Handle: k.list},
	}
}

func (k Kind[T]) take(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Part      string     `json:"part"`
		Documents []Incoming `json:"documents"`
	}
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	results, err := k.Take(r.Context(), in.Part, in.Documents)
	if err != nil {
		return err
	}
	return httpapi.Write(w, http.StatusOK, struct {
		Results []Result `json:"results"`
	}{results})
}

// kept is a document as it is answered.
type kept struct {
	ID       string          `json:"id"`
	Source   *origin.Source  `json:"source,omitempty"`
	Version  int64           `json:"version,omitempty"`
	Document json.RawMessage `json:"document"`
}

func (k Kind[T]) read(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		IDs []string `json:"ids"`
		All bool     `json:"all"`
	}
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	var out []kept
	if in.All {
		docs, err := k.ReadAll(r.Context(), in.IDs)
		if err != nil {
			return err
		}
		out = make([]kept, len(docs))
		for i, d := range docs {
			out[i] = kept(d)
		}
	} else {
		docs, err := k.Read(r.Context(), in.IDs)
		if err != nil {
			return err
		}
		out = make([]kept, len(docs))
		for i, d := range docs {
			out[i] = kept{ID: d.ID, Source: &d.Source, Document: d.Document}
		}
	}
	return httpapi.Write(w, http.StatusOK, struct {
		Documents []kept `json:"documents"`
	}{out})
}

func (k Kind[T]) list(w http.ResponseWriter, r *http.Request) error {
	list := k.List
	if r.URL.Query().Get("all") != "" {
		list = k.ListAll
	}
	ids, last, err := list(r.Context(), r.URL.Query().Get("cursor"))
	if err != nil {
		return err
	}
	return httpapi.Write(w, http.StatusOK, struct {
		IDs        []string `json:"ids"`
		NextCursor string   `json:"next_cursor,omitempty"`
	}{ids, last})
}

// OutboxRoute says what this replica has committed and not announced yet, for the app
// migration alone.
func OutboxRoute(db *state.DB) httpapi.Route {
	return httpapi.Route{
		Method: http.MethodGet, Path: "/internal/v1/sync/outbox", Who: httpapi.Apps("migration"),
		Handle: func(w http.ResponseWriter, _ *http.Request) error {
			s := db.OutboxStats()
			return httpapi.Write(w, http.StatusOK, struct {
				Replica string  `json:"replica"`
				Commits int     `json:"commits"`
				Oldest  float64 `json:"oldest_seconds"`
			}{db.Journal(), s.Backlog, s.Oldest.Seconds()})
		},
	}
}
