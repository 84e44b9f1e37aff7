package service

import (
	"context"
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/services/migration/internal/cutover"
	"tienda/services/migration/internal/move"
)

type kept struct {
	move.Journal
	handed map[string]bool
	stages map[string]cutover.Stage
}

func (k kept) Run(context.Context) (move.Run, error) { return move.Run{Handed: k.handed}, nil }

func (k kept) State(_ context.Context, service string) (cutover.State, error) {
	return cutover.State{Service: service, Stage: k.stages[service]}, nil
}

func (kept) SaveState(context.Context, cutover.State) error { return nil }

// A kind is written back while the shop is in charge of it, until its service is finished:
// stock by the orders, whoever owns it.
func TestWhatIsWrittenBack(t *testing.T) {
	k := kept{handed: map[string]bool{"products": true, "orders": true, "stock": true}, stages: map[string]cutover.Stage{"catalog": cutover.AtShop, "orders": cutover.Finished}}
	for kind, want := range map[string]bool{"products": true, "orders": false, "stock": false, "users": false, "none": false} {
		is, err := inCharge(k, k)(t.Context(), kind)
		require.NoError(t, err)
		require.Equal(t, want, is, kind)
	}
}

// What was made in the shop leaves out what the mapping states, where it means the same.
func TestDefaultsAreTheSame(t *testing.T) {
	m, _, err := LoadMapping("monolith")
	require.NoError(t, err)
	for _, k := range newRules(m).kinds {
		if k.Kind() != "products" {
			continue
		}
		there := json.RawMessage(`{"status":"published","tax_class":"reduced"}`)
		require.True(t, k.OnlyHere("/status", there, json.RawMessage(`{}`)))
		require.False(t, k.OnlyHere("/status", there, json.RawMessage(`{"status":"draft"}`)))
		require.False(t, k.OnlyHere("/tax_class", there, json.RawMessage(`{}`)))
		require.False(t, k.OnlyHere("/name", there, json.RawMessage(`{}`)))
	}
}

// What the monolith has no place for is no difference, and what it has a coarser word for is
// none while the shop is in charge.
func TestWhatOnlyTheShopKnowsIsNoDifference(t *testing.T) {
	m, _, err := LoadMapping("monolith")
	require.NoError(t, err)
	r := newRules(m)
	for _, k := range r.kinds {
		if k.Kind() != "tickets" {
			continue
		}
		there := json.RawMessage(`{"status":"answered","created_at":"2026-01-01T10:00:00.123456Z","messages":[{"author":"agent"}]}`)
		here := json.RawMessage(`{"status":"resolved","created_at":"2026-01-01T10:00:00.123456789Z","assigned_to":"x","messages":[{"author":"agent","author_id":"x"}]}`)
		for pointer, want := range map[string][2]bool{
			"/assigned_to": {true, true}, "/status": {false, true}, "/created_at": {false, true}, "/messages/0/author_id": {false, true}, "/subject": {false, false},
		} {
			r.handed = nil
			require.Equal(t, want[0], k.OnlyHere(pointer, there, here), pointer)
			r.handed = func(kind string) bool { return kind == "tickets" }
			require.Equal(t, want[1], k.OnlyHere(pointer, there, here), pointer)
		}
	}
}

func TestWhoseDocumentsChangeHands(t *testing.T) {
	require.Equal(t, []string{"catalog"}, appsOf(kindsOf("catalog")))
	require.Equal(t, []string{"orders", "catalog"}, appsOf(kindsOf("orders")))
	require.Nil(t, kindsOf("none"))
}

// What a row cannot say of an order that was made in the shop is no difference; amounts are.
func TestWhatARowCannotSayOfAnOrder(t *testing.T) {
	m, _, err := LoadMapping("monolith")
	require.NoError(t, err)
	r := newRules(m)
	r.handed = func(string) bool { return true }
	at := slices.IndexFunc(r.kinds, func(k move.Kind) bool { return k.Kind() == "orders" })
	same := r.kinds[at].OnlyHere
	there := json.RawMessage(`{"created_at":"2026-11-27T10:00:00.123456Z","tax_included":true,"lines":[{"sku":"A"}],"payment":{"status":"due"},
		"totals":{"discount":{"amount":0,"currency":"EUR"},"shipping":{"amount":0,"currency":"EUR"},"tax":{"amount":0,"currency":"EUR"}}}`)
	held := json.RawMessage(`{"created_at":"2026-11-27T10:00:00.123456789Z","tax_included":false,"lines":[{"sku":"A","tax":{"amount":0,"currency":"EUR"}}],
		"payment":{"status":"void"},"cancel_reason":"x","totals":{}}`)
	for _, pointer := range []string{
		"/created_at", "/totals/discount", "/totals/shipping", "/totals/tax", "/tax_included", "/lines/0/tax", "/payment/status", "/cancel_reason",
	} {
		require.True(t, same(pointer, there, held), pointer)
	}
	taxed := json.RawMessage(`{"created_at":"2026-11-27T10:00:00.123457Z","tax_included":false,"lines":[{"sku":"B","tax":{"amount":7,"currency":"EUR"}}],
		"payment":{"status":"paid"},"totals":{"discount":{"amount":1,"currency":"EUR"},"shipping":{"amount":1,"currency":"EUR"},"tax":{"amount":7,"currency":"EUR"}}}`)
	for _, pointer := range []string{"/created_at", "/totals/discount", "/totals/shipping", "/totals/tax", "/tax_included", "/lines/0/sku", "/payment/status"} {
		require.False(t, same(pointer, there, taxed), pointer)
	}
	require.False(t, same("/lines/0/tax", taxed, held))
}
