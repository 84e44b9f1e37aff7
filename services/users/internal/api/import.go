package api

import (
	"net/http"

	"tienda/internal/httpapi"
	"tienda/internal/ndjson"
	"tienda/services/users/internal/account"
)

// importUsers makes 3 state calls for each 50 lines.
func (a *API) importUsers(w http.ResponseWriter, r *http.Request) error {
	report, err := ndjson.Import[importUser, account.Imported]{
		Check: a.importLine.Check, Value: importUser.domain,
		Weight: func(account.Imported) int { return 1 }, Full: account.ImportBatch, Store: a.accounts.Import,
	}.Run(w, r)
	if err != nil {
		return err
	}
	return httpapi.Write(w, http.StatusOK, report)
}
