package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
)

// owners says who keeps which kinds of document, in the order of the move.
var owners = []struct{ kind, app string }{
	{"categories", "catalog"}, {"products", "catalog"}, {"stock", "catalog"}, {"users", "users"},
	{"orders", "orders"}, {"tickets", "support"}, {"returns", "support"},
}

// sent reads the documents back in the shape in which they were sent, but for the hashes
// of passwords, by kind.
func (v *moving) sent(ctx context.Context) (map[string][]json.RawMessage, error) {
	all := map[string][]json.RawMessage{}
	for _, o := range owners {
		path := "/internal/v1/sync/" + o.kind
		for cursor := ""; ; {
			var page struct {
				IDs        []string `json:"ids"`
				NextCursor string   `json:"next_cursor"`
			}
			list := path
			if cursor != "" {
				list += "?" + url.Values{"cursor": {cursor}}.Encode()
			}
			if err := v.ask(ctx, o.app, http.MethodGet, list, "", &page); err != nil {
				return nil, err
			}
			for ids := range slices.Chunk(page.IDs, 200) {
				body, err := json.Marshal(map[string][]string{"ids": ids})
				if err != nil {
					return nil, err
				}
				var read struct{ Documents []json.RawMessage }
				if err := v.ask(ctx, o.app, http.MethodPost, path+"/read", string(body), &read); err != nil {
					return nil, err
				}
				all[o.kind] = append(all[o.kind], read.Documents...)
			}
			if cursor = page.NextCursor; cursor == "" {
				break
			}
		}
	}
	return all, nil
}
