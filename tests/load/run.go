package main

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"tienda/tests/customer"
	"tienda/tests/history"
	"tienda/tests/shop"
)

const (
	ownCheck  = "each acknowledged checkout is one order of its buyer; stock is not seen without a shop of one's own"
	fullCheck = "orders, stock, ledgers and events of the whole shop, by the rules of tests/history"
)

// measure is a whole run.
func measure(ctx context.Context, o options) (*Report, error) {
	m, r := start(o)
	if o.url != "" {
		return r, remote(ctx, o, m, r)
	}
	return r, own(ctx, o, m, r)
}

// start makes an empty market and an empty report.
func start(o options) (*market, *Report) {
	r := &Report{
		Time: time.Now().UTC(), Shop: o.url, Mix: o.mixName, Arrivals: "constant", Keys: "uniform", Seed: o.seed,
		Cores: runtime.NumCPU(), Limit: o.limit.Seconds() * 1000, History: o.history,
	}
	if o.poisson {
		r.Arrivals = "Poisson"
	}
	if o.zipf {
		r.Keys = "Zipf"
	}
	if o.url == "" {
		r.Shop, r.Replicas = o.profile, o.replicas
	}
	return &market{cards: o.cards, record: history.NewRecord(), bought: map[string]*visitor{}, rand: rand.New(rand.NewPCG(o.seed, 1))}, r
}

// remote loads a shop that is there.
func remote(ctx context.Context, o options, m *market, r *Report) error {
	m.web = newWeb(strings.TrimSuffix(o.url, "/"))
	if o.staff.email != "" {
		all := &customer.Account{Web: m.web.Web, Email: o.staff.email, Password: o.staff.password}
		m.staff = staff{all, all, all}
	}
	var err error
	if m.goods, err = listed(ctx, m.web, o.products); err != nil {
		return err
	}
	if err := m.steps(ctx, o, r, nil); err != nil {
		return err
	}
	found, err := m.judgeOwn(ctx)
	r.conclude(ownCheck, found)
	return err
}

// own starts a shop and loads it.
func own(ctx context.Context, o options, m *market, r *Report) error {
	dir, err := os.MkdirTemp("", "tienda-load-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	fmt.Println("== building and starting a shop on", o.profile)
	bin := cmp.Or(o.bin, filepath.Join(dir, "bin"))
	if _, err := os.Stat(filepath.Join(bin, "tienda")); err != nil {
		if err := shop.Build(ctx, bin); err != nil {
			return err
		}
	}
	opts := shop.Options{Bin: bin, Dir: filepath.Join(dir, "shop"), Profile: o.profile}
	if o.replicas > 1 {
		opts.Replicas = []string{fmt.Sprintf("catalog=%d", o.replicas), fmt.Sprintf("orders=%d", o.replicas)}
	}
	s, err := shop.Start(ctx, opts)
	if err != nil {
		return err
	}
	defer s.Stop()
	return m.load(ctx, o, s, r)
}

// load fills a shop that was started for it, loads it, and judges it.
func (m *market) load(ctx context.Context, o options, s *shop.Shop, r *Report) error {
	m.web = newWeb(s.Gateway)
	m.staff = demoStaff(m.web)
	fmt.Println("== putting", o.products, "products on sale")
	var all []history.Good
	var err error
	if m.goods, all, err = seed(ctx, m.web, m.staff.manager, o.products); err != nil {
		return err
	}
	if err := m.steps(ctx, o, r, newMeter(s)); err != nil {
		return err
	}
	fmt.Println("== the last look")
	found, err := m.judge(ctx, s.State, all, r)
	r.conclude(fullCheck, found)
	return err
}

// conclude keeps what the check has found.
func (r *Report) conclude(checked string, found []history.Violation) {
	r.Checked = checked + "; " + summary(found)
	r.Wrong = []string{}
	for _, v := range found {
		r.Wrong = append(r.Wrong, v.String())
	}
}

// steps brings customers, and has them come at each rate. With a meter it says
// what the shop has used.
func (m *market) steps(ctx context.Context, o options, r *Report, meter *meter) error {
	m.keys = newKeys(len(m.goods), o.zipf)
	r.Products = len(m.goods)
	fmt.Printf("== %d customers, %d of them signed in\n", o.customers, o.accounts)
	if err := m.open(ctx, o); err != nil {
		return err
	}
	if meter != nil {
		idle, err := meter.idle(ctx, o)
		if err != nil {
			return err
		}
		r.Idle = idle
	}
	draws := rand.New(rand.NewPCG(o.seed, 2))
	fmt.Println("== the load")
	if _, err := m.step(ctx, draws, o, min(o.rates[0], 20), o.warm, r.Idle, nil); err != nil { // connections, caches
		return err
	}
	if o.apart {
		for _, k := range o.mix.kinds() {
			alone := o
			alone.mix = mix{k: 1}
			s, err := m.step(ctx, draws, alone, o.rates[0], o.duration, r.Idle, meter)
			if err != nil {
				return err
			}
			r.Apart = append(r.Apart, *s)
			fmt.Printf("   %s alone: %v\n", k, s.Rows[0].Classes)
		}
	}
	for _, rate := range o.rates {
		s, err := m.step(ctx, draws, o, rate, o.duration, r.Idle, meter)
		if err != nil {
			return err
		}
		r.Steps = append(r.Steps, *s)
		all := s.Rows[0]
		fmt.Printf("   %6.0f/s asked  %7.1f/s achieved  p50 %6.1f ms  p99 %7.1f ms  %v\n", rate, s.Achieved, all.P50, all.P99, all.Classes)
	}
	k := knee(r.Steps, o.limit)
	if k >= 0 {
		r.Knee = r.Steps[k].Asked
	}
	r.Stood = k == len(r.Steps)-1
	return nil
}

// open lets customers in: registered ones first.
func (m *market) open(ctx context.Context, o options) error {
	for n := range o.customers {
		c := &visitor{seen: map[string]string{}}
		if n < o.accounts {
			a, err := register(ctx, m.web)
			if err != nil {
				return err
			}
			c.account = a
			m.resting = append(m.resting, &visitor{account: a})
		}
		m.looking = append(m.looking, c)
	}
	if o.history == 0 {
		return nil
	}
	fmt.Printf("== %d orders of one customer\n", o.history)
	a, err := register(ctx, m.web)
	if err != nil {
		return err
	}
	m.settled = append(m.settled, a)
	for range o.history {
		c := &visitor{account: a, cart: uuid.NewString()}
		if ans := m.putLine(ctx, c, 1); ans.class() != OK {
			return fmt.Errorf("a cart of the history: %s", ans)
		}
		if ans := m.submit(ctx, m.attempt(c)); ans.class() != OK && ans.class() != SoldOut {
			return fmt.Errorf("an order of the history: %s", ans)
		}
	}
	m.resting = slices.DeleteFunc(m.resting, func(c *visitor) bool { return c.account == a })
	return nil
}
