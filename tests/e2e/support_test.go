package e2e

import (
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
)

// A ticket finds its queue, is filed, put on hold, resolved and rated, and the
// worklist has it as long as there is something to do.
func TestTicketsInTheirQueues(t *testing.T) {
	c, _ := newCustomer(t)
	agent, admin := staff(t, caller.SupportAgent), staff(t, caller.Admin)
	tk := must[ticket](t, c, http.StatusCreated, "POST", "/v1/tickets", map[string]any{"subject": "S", "message": "M", "category": "account", "priority": "high"})
	path := "/v1/tickets/" + tk.ID
	mine := func() (ids []string) {
		for _, it := range must[list[ticket]](t, agent, http.StatusOK, "GET", "/v1/worklist?queue=accounts&tag=vip&assigned_to=me", nil).Items {
			ids = append(ids, it.ID)
		}
		return ids
	}
	must[ticket](t, agent, http.StatusOK, "POST", path+"/assign", map[string]any{})
	stale := agent.refused(t, http.StatusPreconditionFailed, "PATCH", path, map[string]any{"tags": []string{"vip"}}, "If-Match", `"1"`)
	require.Equal(t, "version_mismatch", stale.Code)
	tk = must[ticket](t, agent, http.StatusOK, "PATCH", path, map[string]any{"priority": "urgent", "tags": []string{"vip"}}, "If-Match", `"2"`)
	require.Equal(t, ticket{ID: tk.ID, Number: tk.Number, Status: "open", AssignedTo: tk.AssignedTo, Priority: "urgent", Queue: "accounts", Version: 3}, tk)
	require.Equal(t, []string{tk.ID}, mine())
	must[ticket](t, agent, http.StatusOK, "POST", path+"/hold", nil)
	require.Equal(t, []string{tk.ID}, mine())
	must[ticket](t, agent, http.StatusOK, "POST", path+"/unassign", nil)
	require.Empty(t, mine())
	must[ticket](t, agent, http.StatusOK, "POST", path+"/resolve", nil)
	require.Equal(t, tk.ID, must[ticket](t, c, http.StatusOK, "POST", path+"/rating", map[string]any{"score": 5, "comment": "¡Gracias!"}).ID)
	require.Equal(t, "already_rated", c.refused(t, http.StatusConflict, "POST", path+"/rating", map[string]any{"score": 1}).Code)

	require.NotEmpty(t, must[list[map[string]any]](t, agent, http.StatusOK, "GET", "/v1/queues", nil).Items)
	set := must[map[string]any](t, agent, http.StatusOK, "GET", "/v1/ops/ticket-settings", nil)
	version := strconv.FormatFloat(set["version"].(float64), 'f', -1, 64)
	delete(set, "version")
	changed := must[map[string]any](t, admin, http.StatusOK, "PUT", "/v1/ops/ticket-settings", set, "If-Match", `"`+version+`"`)
	require.Equal(t, set["queues"], changed["queues"])
	require.Equal(t, "version_mismatch", admin.refused(t, http.StatusPreconditionFailed, "PUT", "/v1/ops/ticket-settings", set, "If-Match", `"`+version+`"`).Code)
	requireEvents(t, tk.ID, "tienda.support.ticket_opened", "tienda.support.ticket_assigned", "tienda.support.ticket_unassigned",
		"tienda.support.ticket_resolved", "tienda.support.ticket_rated")
}
