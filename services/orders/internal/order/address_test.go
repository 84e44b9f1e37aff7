package order

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
)

func TestReaddress(t *testing.T) {
	home := Address{Name: "Ana", Line1: "Calle Mayor 1", City: "Madrid", PostalCode: "28013", Country: "ES", Region: "MD"}
	work, abroad, islands := home, home, home
	work.Line1, abroad.Country, islands.Region = "Gran Vía 2", "PT", "CN"
	for name, c := range map[string]struct {
		status  Status
		to      Address
		version int64
		code    string
		field   string
	}{
		"another house":   {Confirmed, work, 3, "", ""},
		"any version":     {Confirmed, work, 0, "", ""},
		"an old version":  {Confirmed, work, 2, "version_mismatch", "If-Match"},
		"a repeat":        {Confirmed, home, 2, "", ""},
		"another country": {Confirmed, abroad, 3, "address_elsewhere", "/country"},
		"another region":  {Confirmed, islands, 3, "address_elsewhere", "/region"},
		"pending":         {Pending, work, 3, "order_is_pending", ""},
		"shipped":         {Shipped, work, 3, "order_is_shipped", ""},
		"cancelled":       {Cancelled, work, 3, "order_is_cancelled", ""},
	} {
		o := &Order{Status: c.status, Address: home, Version: 3}
		err := o.Readdress(c.to, c.version)
		if c.code == "" {
			require.NoError(t, err, name)
			require.Equal(t, c.to, o.Address, name)
			require.Equal(t, c.to != home, o.Changed(), name)
			continue
		}
		var f *fault.Error
		require.ErrorAs(t, err, &f, name)
		require.Equal(t, c.code, f.Code, name)
		require.Equal(t, home, o.Address, name)
		if c.field != "" {
			require.Equal(t, c.field, f.Fields[0].Name, name)
		}
	}
}

// The drawing in the docs has the transitions of the table, and no others.
func TestDrawing(t *testing.T) {
	doc, err := os.ReadFile("../../../../docs/orders.md")
	require.NoError(t, err)
	_, drawing, ok := strings.Cut(string(doc), "```mermaid")
	require.True(t, ok)
	drawing, _, _ = strings.Cut(drawing, "```")
	want := []string{"stateDiagram-v2", "[*] --> pending"}
	for from, tos := range transitions {
		for _, to := range tos {
			want = append(want, string(from)+" --> "+string(to))
		}
	}
	var got []string
	for l := range strings.SplitSeq(strings.TrimSpace(drawing), "\n") {
		got = append(got, strings.TrimSpace(l))
	}
	slices.Sort(want)
	slices.Sort(got)
	require.Equal(t, want, got)
}
