package clients

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"tienda/internal/sidecar"
	"tienda/services/migration/internal/mapping"
	"tienda/services/migration/internal/reverse"
)

// Document implements reverse.Owners. One invocation.
func (o *Owners) Document(ctx context.Context, kind, id string) (reverse.Held, bool, error) {
	in := struct {
		IDs []string `json:"ids"`
		All bool     `json:"all"` // also what was made there
	}{[]string{id}, true}
	var out struct {
		Documents []struct {
			ID     string `json:"id"`
			Source *struct {
				Key string `json:"key"`
			} `json:"source"`
			Document json.RawMessage `json:"document"`
		} `json:"documents"`
	}
	app := mapping.Owners()[kind]
	if app == "" {
		return reverse.Held{}, false, fmt.Errorf("documents of %s have no owner", kind)
	}
	err := o.sidecar.Invoke(ctx, sidecar.Call{
		App: app, Method: http.MethodPost, Path: "/internal/v1/sync/" + kind + "/read", In: in, Out: &out, Idempotent: true,
	})
	switch {
	case err != nil || len(out.Documents) == 0:
		return reverse.Held{}, false, err
	case len(out.Documents) > 1 || out.Documents[0].ID != id:
		return reverse.Held{}, false, fmt.Errorf("%s gave another document than was asked for", app)
	}
	d := out.Documents[0]
	held := reverse.Held{JSON: d.Document}
	if d.Source != nil {
		held.Source = d.Source.Key
	}
	return held, true, nil
}
