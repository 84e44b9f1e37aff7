package intake

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"tienda/internal/event"
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
	if err := httpapi.DecodeLarge(r, &in); err != nil {
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

// mostBytes is about how much of documents is answered at once: half of what a sidecar's
// client reads of an answer.
const mostBytes = 4 << 20

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
	out, unread := answered(in.IDs, out)
	return httpapi.Write(w, http.StatusOK, struct {
		Documents []kept `json:"documents"`
		Unread    int    `json:"unread,omitempty"`
	}{out, unread})
}

// answered gives as many of the documents, in the order of the IDs, as have about mostBytes
// together, one at least, and of how many IDs at the end nothing is said.
func answered(ids []string, docs []kept) (some []kept, unread int) {
	size, at := 0, 0
	for i, d := range docs {
		at += slices.Index(ids[at:], d.ID)
		if size += len(d.Document); size > mostBytes && i > 0 {
			return docs[:i], len(ids) - at
		}
		at++
	}
	return docs, 0
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

// mostChanges is how many changes are told of at once.
const mostChanges = 1000

// change is the news of a document, as its event has it.
type change struct {
	Kind    string `json:"kind"`
	ID      string `json:"id"`
	Version int64  `json:"version"`
}

// Outbox is what an app has to say besides of what it has committed.
type Outbox struct {
	// News are the types of the events that are told of as they were announced.
	News []string
	// Unsettled gives the IDs of documents that somebody has to go on with: more is committed
	// of them then. It makes its own calls to the store.
	Unsettled func(ctx context.Context) ([]string, error)
}

// OutboxRoute says what this replica has committed and not announced yet, updates that are
// under way and work that is unfinished included, and which documents it has announced, for
// the app migration alone.
func OutboxRoute(db *state.DB, also ...Outbox) httpapi.Route {
	var more Outbox
	if len(also) > 0 {
		more = also[0]
	}
	return httpapi.Route{
		Method: http.MethodGet, Path: "/internal/v1/sync/outbox", Who: httpapi.Apps("migration"),
		Handle: func(w http.ResponseWriter, r *http.Request) error {
			// The journals are read first: whatever is in the backlog of one that joins later was
			// not committed before that.
			journals, err := db.Journals(r.Context())
			if err != nil {
				return err
			}
			running := db.Running()
			s, q := db.OutboxStats(), r.URL.Query()
			said := db.Announced(q.Get("process"), int64(httpapi.QueryInt(r, "after")), mostChanges)
			// Work that a replica leaves to others is listed before it is no more its own.
			var unsettled []string
			if more.Unsettled != nil {
				if unsettled, err = more.Unsettled(r.Context()); err != nil {
					return err
				}
			}
			changes, news, err := told(said.Events, more.News)
			if err != nil {
				return err
			}
			return httpapi.Write(w, http.StatusOK, struct {
				Replica   string            `json:"replica"`
				Commits   int               `json:"commits"`
				Oldest    float64           `json:"oldest_seconds"`
				Journals  []string          `json:"journals"`
				Process   string            `json:"process"`
				Last      int64             `json:"last"`
				After     int64             `json:"after"`
				Lost      bool              `json:"lost"`
				Changes   []change          `json:"changes"`
				Watched   bool              `json:"announces"`
				News      []json.RawMessage `json:"news,omitempty"`
				Unsettled []string          `json:"unsettled,omitempty"`
			}{
				db.Journal(), s.Backlog + running, s.Oldest.Seconds(), journals, said.Process, said.Last,
				said.After, said.Lost, changes, db.Watched(), news, unsettled,
			})
		},
	}
}

// told gives the documents that events say have changed, and the events of some types.
func told(events []json.RawMessage, types []string) (changes []change, news []json.RawMessage, err error) {
	changes = make([]change, 0, len(events))
	for _, raw := range events {
		var e event.Received
		if err := json.Unmarshal(raw, &e); err != nil {
			return nil, nil, err
		}
		if slices.Contains(types, e.Type) {
			news = append(news, raw)
		}
		if !strings.HasSuffix(e.Type, ".document_changed") {
			continue
		}
		var c change
		if err := e.Decode(&c); err != nil {
			return nil, nil, err
		}
		c.Version = e.Version
		changes = append(changes, c)
	}
	return changes, news, nil
}
