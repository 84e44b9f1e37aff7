//go:build k8s

package k8s

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/contracts"
	"tienda/internal/contract"
)

// shopApps are those with routes that others may call.
var shopApps = []string{"users", "catalog", "orders", "support", "migration"}

// The sidecars let through what the contracts and the gateway's route table say, and
// nothing else: every operation of every contract is asked for by every app.
func TestAccessControlListsSayWhatTheContractsSay(t *testing.T) {
	public := publicOperations(t)
	callers := []string{"users.tienda", "catalog.tienda", "orders.tienda", "support.tienda", "migration.tienda", "gateway.tienda",
		"ingress.ingress-nginx", "gateway.elsewhere", "nobody.tienda"}
	want := map[string]string{}
	for _, app := range shopApps {
		c, err := contract.Load(contracts.FS, app)
		require.NoError(t, err)
		for _, op := range c.Operations() {
			for _, by := range callers {
				id, namespace, _ := strings.Cut(by, ".")
				decision := "deny"
				if namespace == "tienda" && (slices.Contains(op.Callers, id) || id == "gateway" && public[app+" "+op.Method+" "+op.Path]) {
					decision = "allow"
				}
				want[fmt.Sprintf("%s %s %s %s", app, by, op.Method, filled(op.Path))] = decision
			}
		}
	}
	for _, by := range callers {
		decision := "deny"
		if by == "ingress.ingress-nginx" {
			decision = "allow"
		}
		want["gateway "+by+" GET /v1/products"] = decision
	}
	asked := slices.Sorted(maps.Keys(want))
	got := output(t, checker(t), strings.Join(asked, "\n"), built(t, everyOverlay(t)["dev-postgres"]), "allowed")
	require.Len(t, got, len(asked))
	for i, q := range asked {
		require.Equal(t, want[q], got[i], q)
	}
	allowed := slices.DeleteFunc(slices.Clone(got), func(d string) bool { return d == "deny" })
	t.Logf("%d calls, %d of them allowed", len(got), len(allowed))
}

// filled puts an ID in the place of each parameter.
func filled(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if strings.HasPrefix(p, "{") {
			parts[i] = "0198c1d2-Ab"
		}
	}
	return strings.Join(parts, "/")
}
