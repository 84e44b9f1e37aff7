package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"tienda/internal/caller"
	"tienda/tests/bench/plan"
	"tienda/tests/shop"
)

// The flash sale: so many buyers of one SKU, so many at a time. The stock alone
// is sold in several rounds, a SKU each, for one is over in a moment.
const (
	flashUnits       = 500
	flashBuyers      = 2000
	flashConnections = 64
	flashReplicas    = 2
	flashRounds      = 4
	flashOpen        = 5000
	flashRatio       = 5 // the aim: sales of stock a second over the plain loop's
)

const (
	flashLoop        = "flash sale: plain loop"
	flashStock       = "flash sale: catalog's reservations"
	flashLoopInvoked = "flash sale: plain loop, invoked"
	flashInvoked     = "flash sale: catalog's, invoked"
	flashCrowded     = "flash sale: after 5,000 open orders"
	flashCheckout    = "flash sale: whole checkouts"
)

// measureFlash sells one SKU of 500 units to 2,000 buyers, 64 at a time.
//
// The plain loop and catalog's reservations are like with like: a request to
// one of two replicas takes one piece of one document of a SQLite store, over
// a sidecar of the replica's own. The loop keeps two counters, and would sell
// twice to a buyer who asks twice; catalog keeps every buyer's reservation and
// price, checks the request against its contract and who sends it, and answers
// a repeat the same. What is faster about it is that those who wait share a
// read and a write.
//
// Both are measured at the door of the apps, where it is the stock that decides,
// and again invoked through two more sidecars, as orders does it: there the
// invocation, the same for both, is the most of what a sale costs, and bounds
// what any of them can reach on this machine.
//
// The whole checkout is the shop's: gateway, order, reservation, confirmation,
// events, with every buyer's cart prepared. There the document of the SKU is
// one of many costs.
//
// Sales a second are counted until the last unit is sold. It is an error if
// exactly what there is is not sold, or anybody else answered with something
// else than a refusal.
func measureFlash(ctx context.Context, m *meter, r *Report, bin, dir string) error {
	wants := func(name string) bool { return m.only.MatchString(name) }
	stock := wants(flashStock) || wants(flashLoop)
	if stock {
		fmt.Println("== the flash sale: the plain loop")
		if err := flashPlain(ctx, m, r, bin, filepath.Join(dir, "loop")); err != nil {
			return err
		}
	}
	if !stock && !wants(flashCheckout) {
		return nil
	}
	fmt.Println("== the flash sale: a shop with two replicas of catalog")
	s, err := shop.Start(ctx, shop.Options{Bin: bin, Dir: filepath.Join(dir, "shop"), Replicas: []string{"catalog=" + strconv.Itoa(flashReplicas)}})
	if err != nil {
		return err
	}
	defer s.Stop()
	at := *m
	m, at.processes = &at, processesOf(s)
	// The replica that did not take the demo data in needs a moment to see it.
	var b *buyers
	for deadline := time.Now().Add(15 * time.Second); b == nil; {
		if b, err = newBuyers(ctx, client(2*flashConnections), s.Gateway); err != nil && time.Now().After(deadline) {
			return err
		}
	}
	if stock {
		if err := flashOfCatalog(ctx, m, r, s, b); err != nil {
			return err
		}
	}
	if wants(flashCheckout) {
		if err := flashOfShop(ctx, m, r, s, b); err != nil {
			return err
		}
	}
	if res := r.find(flashStock); res != nil {
		fmt.Printf("   %s: %.1f times the plain loop; the aim is %d\n", flashStock, res.Ratio, flashRatio)
	}
	return nil
}

// sale is what one buyer was answered.
type sale struct {
	status int
	took   time.Duration
	at     time.Duration // since the start
	err    error
}

// rush is one case: rounds of buyers, each round after prepare.
type rush struct {
	name    string
	rounds  int
	prepare func(round int) error
	counts  func() (plan.Counts, error)
	meter   *meter // whose processes' CPU is told apart
	buy     func(ctx context.Context, round, buyer int) (status int, err error)
}

// run has the buyers come, flashConnections at a time, and counts. An answer
// that is neither a sale nor a refusal is an error.
func (x rush) run(ctx context.Context) (Result, error) {
	r := Result{Name: x.name, By: map[string]float64{}}
	var took []time.Duration
	var selling time.Duration
	var cpu float64
	var calls plan.Counts
	for round := range x.rounds {
		if err := x.prepare(round); err != nil {
			return r, err
		}
		before, err := x.counts()
		if err != nil {
			return r, err
		}
		busy, err := busySeconds()
		if err != nil {
			return r, err
		}
		by := x.meter.cpuByProcess()
		sales := x.round(ctx, round, flashBuyers)
		for name, seconds := range x.meter.cpuByProcess() {
			r.By[name] += (seconds - by[name]) * 1000 / float64(x.rounds*flashBuyers)
		}
		busyAfter, err := busySeconds()
		if err != nil {
			return r, err
		}
		after, err := x.counts()
		if err != nil {
			return r, err
		}
		cpu, calls = cpu+busyAfter-busy, calls.Add(after.Per(before, 1))
		last, err := r.judge(sales)
		if err != nil {
			return r, err
		}
		selling += last
		for _, s := range sales {
			took = append(took, s.took)
		}
	}
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	r.P50, r.P99 = ms(took[len(took)/2]), ms(took[len(took)*99/100])
	r.PerSecond = float64(x.rounds*flashUnits) / selling.Seconds()
	r.CPU, r.Calls = cpu*1000/float64(len(took)), calls.Per(plan.Counts{}, float64(len(took)))
	fmt.Printf("   %-34s %8.0f sales/s  p50 %6.1f ms  p99 %6.1f ms, %d sold and %d refused in each of %d\n",
		x.name, r.PerSecond, r.P50, r.P99, flashUnits, flashBuyers-flashUnits, x.rounds)
	return r, nil
}

func (x rush) round(ctx context.Context, round, buyers int) []sale {
	sales := make([]sale, buyers)
	var next atomic.Int64
	var wg sync.WaitGroup
	began := time.Now()
	for range flashConnections {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(buyers); i = next.Add(1) - 1 {
				start := time.Now()
				status, err := x.buy(ctx, round, int(i))
				sales[i] = sale{status: status, took: time.Since(start), at: time.Since(began), err: err}
			}
		})
	}
	wg.Wait()
	return sales
}

// judge says when the last unit was sold.
func (r *Result) judge(sales []sale) (last time.Duration, err error) {
	sold, refused := 0, 0
	for _, x := range sales {
		switch {
		case x.err != nil:
			r.Errors, r.FirstError = r.Errors+1, x.err.Error()
		case x.status == http.StatusOK || x.status == http.StatusCreated:
			sold++
			last = max(last, x.at)
		case x.status == http.StatusConflict || x.status == http.StatusUnprocessableEntity:
			refused++
		default:
			r.Errors, r.FirstError = r.Errors+1, "status "+strconv.Itoa(x.status)
		}
	}
	if sold != flashUnits || refused != flashBuyers-flashUnits {
		err = fmt.Errorf("%s: %d sold, %d refused, %d errors, of %d buyers of %d units: %s", r.Name, sold, refused, r.Errors, flashBuyers, flashUnits, r.FirstError)
	}
	return last, err
}

// flashOfCatalog reserves as orders does: at the doors of catalog with what its
// sidecars send, and through the sidecar of orders.
func flashOfCatalog(ctx context.Context, m *meter, r *Report, s *shop.Shop, b *buyers) error {
	tokens, err := s.Tokens()
	if err != nil {
		return err
	}
	const path = "/internal/v1/reservations/"
	first := 0 // each round has a SKU of its own
	body := func(round int) string {
		return fmt.Sprintf(`{"currency":"EUR","lines":[{"sku":%q,"quantity":1}]}`, b.skus[first+round])
	}
	doors := s.Of("catalog")
	atDoor := func(ctx context.Context, round, i int) (int, error) {
		door := "http://127.0.0.1:" + strconv.Itoa(doors[i%len(doors)].Port)
		status, _, err := ask(ctx, b.http, http.MethodPut, door+path+uuid.NewString(), body(round),
			caller.HeaderApp, "orders", "dapr-api-token", tokens["APP_API_TOKEN"])
		return status, err
	}
	x := rush{
		name: flashStock, rounds: flashRounds, meter: m,
		counts:  func() (plan.Counts, error) { return counted(ctx, metricsPorts(s)) },
		prepare: func(round int) error { return b.setStock(ctx, b.skus[first+round], flashUnits) },
		buy:     atDoor,
	}
	if err := r.addAgainst(flashLoop)(x.run(ctx)); err != nil {
		return err
	}
	fmt.Printf("   %.1f times the plain loop\n", r.find(flashStock).Ratio)
	first += flashRounds
	side := "http://127.0.0.1:" + strconv.Itoa(s.Of("orders")[0].HTTPPort)
	x.name = flashInvoked
	x.buy = func(ctx context.Context, round, _ int) (int, error) {
		status, _, err := ask(ctx, b.http, http.MethodPut, side+path+uuid.NewString(), body(round),
			"dapr-app-id", "catalog", "dapr-api-token", tokens["DAPR_API_TOKEN"])
		return status, err
	}
	if err := r.addAgainst(flashLoopInvoked)(x.run(ctx)); err != nil {
		return err
	}
	fmt.Printf("   %.1f times the plain loop\n", r.find(flashInvoked).Ratio)
	first += flashRounds
	x.name, x.rounds, x.buy = flashCrowded, 1, atDoor
	if err := b.setStock(ctx, b.skus[first], flashOpen); err != nil {
		return err
	}
	fmt.Printf("   ordering %d that are not shipped\n", flashOpen)
	for _, s := range x.round(ctx, 0, flashOpen) {
		if s.err != nil || s.status != http.StatusOK {
			return fmt.Errorf("%s: status %d, %w", x.name, s.status, s.err)
		}
	}
	x.prepare = func(int) error { return b.setStock(ctx, b.skus[first], flashOpen+flashUnits) }
	return r.add(x.run(ctx))
}

// flashOfShop is the sale as the buyers see it.
func flashOfShop(ctx context.Context, m *meter, r *Report, s *shop.Shop, b *buyers) error {
	sku := b.skus[len(b.skus)-1]
	if err := b.setStock(ctx, sku, flashUnits); err != nil {
		return err
	}
	fill := func(ctx context.Context) (string, error) {
		token := newToken()
		return token, b.put(ctx, token, sku, 1)
	}
	if err := b.prepareCarts(ctx, flashBuyers, fill); err != nil {
		return err
	}
	x := rush{
		name: flashCheckout, rounds: 1, meter: m,
		prepare: func(int) error { return nil },
		counts:  func() (plan.Counts, error) { return counted(ctx, metricsPorts(s)) },
		buy: func(ctx context.Context, _, i int) (int, error) {
			status, _, err := ask(ctx, b.http, http.MethodPost, b.gateway+"/v1/orders", order, "Cart-Token", b.carts[i], "Idempotency-Key", uuid.NewString())
			return status, err
		},
	}
	if err := r.add(x.run(ctx)); err != nil {
		return err
	}
	return b.requireSoldOut(ctx, sku)
}

func (b *buyers) setStock(ctx context.Context, sku string, n int) error {
	_, err := send(ctx, b.http, http.MethodPatch, b.gateway+"/v1/inventory/"+sku,
		fmt.Sprintf(`{"on_hand":%d,"reason":"flash sale"}`, n), "Authorization", "Bearer "+b.token)
	return err
}

// requireSoldOut asks the shop for its own count.
func (b *buyers) requireSoldOut(ctx context.Context, sku string) error {
	raw, err := send(ctx, b.http, http.MethodGet, b.gateway+"/v1/inventory/"+sku, "", "Authorization", "Bearer "+b.token)
	if err != nil {
		return err
	}
	var n struct {
		OnHand    int `json:"on_hand"`
		Reserved  int `json:"reserved"`
		Available int `json:"available"`
	}
	if err := json.Unmarshal(raw, &n); err != nil {
		return err
	}
	if n.OnHand != flashUnits || n.Reserved != flashUnits || n.Available != 0 {
		return fmt.Errorf("%s: after the sale the stock is %+v", flashCheckout, n)
	}
	return nil
}
