package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/tests/shop"
)

var all = targets{services: []string{"gateway", "users", "catalog", "catalog-2", "orders", "orders-2", "support"}, broker: "broker", store: "postgres", mail: "mailbox", pay: "sandbox"}

func TestSeedDecides(t *testing.T) {
	require.Equal(t, plan(7, 200, all), plan(7, 200, all))
	require.NotEqual(t, plan(7, 200, all), plan(8, 200, all))
	require.Equal(t, plan(7, 200, all)[:10], plan(7, 10, all), "a longer run begins as a shorter one")
}

// 200 faults are of every kind, hit everything, and take about ten minutes.
func TestPlan(t *testing.T) {
	kinds, hit, longPauses := map[Kind]int{}, map[string]int{}, 0
	var total time.Duration
	for _, f := range plan(1, 1000, all) {
		kinds[f.Kind]++
		hit[f.Target]++
		total += f.After
		require.LessOrEqual(t, f.For, 8*time.Second)
		if f.Kind == PauseService && f.For > 5*time.Second {
			longPauses++
		}
	}
	require.Len(t, kinds, 15)
	require.Len(t, hit, 7+4+2, "services, servers, and the links that are not named like one")
	require.Greater(t, longPauses, 10, "past the lease of a journal")
	require.InDelta(t, 10, (total / 5).Minutes(), 3)
}

func TestPlanWithoutServers(t *testing.T) {
	for _, f := range plan(1, 1000, targets{services: []string{"orders"}, broker: "broker"}) {
		require.NotContains(t, []Kind{KillStore, PauseStore}, f.Kind)
		require.NotEqual(t, linkStore, f.Target)
	}
	for _, f := range plan(1, 1000, targets{services: []string{"orders"}, store: "redis"}) {
		require.NotContains(t, []Kind{KillBroker, PauseBroker}, f.Kind)
		require.NotEqual(t, linkBroker, f.Target)
	}
}

// Each process of a shop is a target of the kind that it is.
func TestTargets(t *testing.T) {
	got := targetsOf(shop.State{Apps: []shop.App{
		{Name: "postgres", AppID: "postgres"}, {Name: "broker", AppID: "broker"}, {Name: "mailbox", AppID: "mailbox"}, {Name: "sandbox", AppID: "sandbox"},
		{Name: "orders", AppID: "orders", HTTPPort: 3503}, {Name: "orders-2", AppID: "orders", HTTPPort: 3513},
	}})
	require.Equal(t, targets{services: []string{"orders", "orders-2"}, broker: "broker", store: "postgres", mail: "mailbox", pay: "sandbox"}, got)
}
