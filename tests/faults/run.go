package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"tienda/internal/caller"
	"tienda/tests/history"
	"tienda/tests/shop"
)

const (
	warmUp    = 2 * time.Second  // of trade before the first fault
	after     = 2 * time.Second  // of trade after the last fault
	finish    = 25 * time.Second // after the last fault, buyers give up what has no answer
	lookAgain = time.Second      // between two looks
)

// theRun is everything between an empty folder and the report.
func theRun(ctx context.Context, o options) (violations int, err error) {
	log, err := os.Create(filepath.Join(o.dir, "faults.log"))
	if err != nil {
		return 0, err
	}
	defer func() { _ = log.Close() }()
	l := newLinks()
	defer l.close()
	fmt.Println("== building and starting the shop")
	s, err := open(ctx, o, l, log)
	if err != nil {
		return 0, err
	}
	defer s.Stop()
	rec := history.NewRecord()
	inj := &injector{links: l, shop: s, say: func(format string, args ...any) {
		fmt.Fprintf(log, "%8.3f %s\n", rec.Now().Seconds(), fmt.Sprintf(format, args...))
	}}
	m, obs, buyers, err := people(ctx, o, s, l, rec)
	if err != nil {
		return 0, err
	}
	faults := plan(o.seed, o.faults, targetsOf(s.State))
	fmt.Println("== faults")
	lastFault, err := trade(ctx, m, buyers, inj, faults)
	if err != nil {
		return 0, err
	}
	fmt.Println("== the last look")
	run, found, err := judge(ctx, m, obs, s.State, lastFault)
	if err != nil {
		return 0, err
	}
	found = append(found, races(s.State)...)
	if err := keep(o, s.State, run, found); err != nil {
		return 0, err
	}
	report(os.Stdout, faults, run, m.recovery, rec.Now(), found)
	return len(found), nil
}

// open starts the shop with proxies before its broker and its store.
func open(ctx context.Context, o options, l *links, log *os.File) (*shop.Shop, error) {
	bin := filepath.Join(o.dir, "bin")
	if err := shop.Build(ctx, bin); err != nil {
		return nil, err
	}
	opts := shop.Options{
		Bin: bin, Dir: o.dir, Replicas: []string{"catalog=2", "orders=2"}, Profile: o.profile, Log: log,
		Listen: map[string]string{}, Through: map[string]string{},
	}
	for _, name := range []string{linkBroker, linkStore} {
		if name == linkStore && o.profile == "local" || name == linkBroker && o.profile == "redis" {
			continue // a file; the store is the broker
		}
		var err error
		if opts.Listen[name], err = freeAddr(); err != nil {
			return nil, err
		}
		if opts.Through[name], err = l.open(name, opts.Listen[name]); err != nil {
			return nil, err
		}
	}
	return shop.Start(ctx, opts)
}

func targetsOf(s shop.State) targets {
	var t targets
	for _, a := range s.Apps {
		switch {
		case a.HTTPPort != 0:
			t.services = append(t.services, a.Name)
		case a.AppID == "broker":
			t.broker = a.Name
		case a.AppID == "mailbox":
			t.mail = a.Name
		case a.AppID == "sandbox":
			t.pay = a.Name
		default:
			t.store = a.Name
		}
	}
	return t
}

// people are the buyers and those who watch them, with goods to be bought.
func people(ctx context.Context, o options, s *shop.Shop, l *links, rec *history.Record) (*market, *observer, []*buyer, error) {
	direct := newWeb(s.Gateway, lookers)
	goods, err := stockUp(ctx, direct)
	if err != nil {
		return nil, nil, nil, err
	}
	addr, err := l.open(linkBuyers, s.Gateway[len("http://"):])
	if err != nil {
		return nil, nil, nil, err
	}
	through := newWeb("http://"+addr, 2*o.buyers)
	m := &market{
		web: through, agent: staff(through, caller.SupportAgent), goods: goods, record: rec, recovery: &recovery{},
		closing: make(chan struct{}), carts: map[string]shopper{},
	}
	var buyers []*buyer
	for n := range o.buyers {
		account, err := register(ctx, direct, through, goods[0].SKU)
		if err != nil {
			return nil, nil, nil, err
		}
		buyers = append(buyers, &buyer{
			market: m, name: fmt.Sprintf("buyer %d", n+1), account: account,
			r: rand.New(rand.NewPCG(o.seed, uint64(n+1))),
		})
	}
	obs := &observer{
		market: m, web: direct, agent: staff(direct, caller.SupportAgent), manager: staff(direct, caller.CatalogManager),
		admin: staff(direct, caller.Admin), provider: newWeb(s.Sandbox, 1), orders: map[string]history.Order{},
	}
	return m, obs, buyers, nil
}

// trade lets the buyers buy while the faults happen, and then finish what they
// have begun. It gives the time of the last fault.
func trade(ctx context.Context, m *market, buyers []*buyer, inj *injector, faults []Fault) (time.Duration, error) {
	giveUp, stop := context.WithCancel(ctx)
	defer stop()
	watching, unwatch := context.WithCancel(ctx)
	var shopping, watchers sync.WaitGroup
	defer watchers.Wait()
	defer unwatch()
	for _, b := range buyers {
		shopping.Go(func() { b.shop(giveUp) })
	}
	watchers.Go(func() { m.recovery.watch(watching, inj.state) })
	watchers.Go(func() { m.readStock(watching, m.web, staff(m.web, caller.CatalogManager)) })
	_ = sleep(ctx, warmUp)
	err := inj.run(ctx, faults, func(f Fault, at time.Time) {
		watchers.Go(func() { m.recovery.measure(watching, f, at) })
	})
	last := m.record.Now()
	if err != nil {
		stop()
		shopping.Wait()
		return last, err
	}
	_ = sleep(ctx, after)
	close(m.closing)
	done := make(chan struct{})
	go func() { shopping.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(finish - after):
		stop()
		<-done
	}
	return last, ctx.Err()
}

// judge looks until nothing is wrong, or the time is over in which everything
// has to end.
func judge(ctx context.Context, m *market, obs *observer, s shop.State, lastFault time.Duration) (history.Run, []history.Violation, error) {
	stop, err := obs.listen(s)
	if err != nil {
		return history.Run{}, nil, err
	}
	defer stop()
	run := history.Run{Goods: m.goods, Calls: m.record.All(), LastFault: lastFault}
	for {
		at := m.record.Now()
		if run.Final, err = obs.look(ctx, run.Calls, at); err != nil {
			return run, nil, err
		}
		found := history.Check(run)
		if len(found) == 0 || m.record.Now()+lookAgain > lastFault+history.SettleLimit {
			return run, found, nil
		}
		if err := sleep(ctx, lookAgain); err != nil {
			return run, nil, err
		}
	}
}

// races looks for what the race detector has found, in a shop built with it.
func races(s shop.State) []history.Violation {
	files, _ := filepath.Glob(filepath.Join(s.DataDir, "logs", "*"))
	var out []history.Violation
	for _, f := range files {
		b, err := os.ReadFile(f) //nolint:gosec // in the data folder of the run
		if err != nil {
			out = append(out, history.Violation{Kind: "log", What: err.Error()})
			continue
		}
		if i := bytes.Index(b, []byte("DATA RACE")); i >= 0 {
			out = append(out, history.Violation{Kind: "data-race", What: fmt.Sprintf("%s: %.300s", filepath.Base(f), b[i:])})
		}
	}
	return out
}

// keep writes the history beside the shop's logs.
func keep(o options, s shop.State, run history.Run, found []history.Violation) error {
	js, err := json.Marshal(struct {
		Violations []history.Violation `json:"violations"`
		history.Run
	}{found, run})
	if err != nil {
		return err
	}
	path := filepath.Join(o.dir, "history.json")
	if err := os.WriteFile(path, js, 0o600); err != nil {
		return err
	}
	if len(found) > 0 || o.keep {
		fmt.Printf("history: %s\nfaults:  %s\nlogs:    %s\n", path, filepath.Join(o.dir, "faults.log"), filepath.Join(s.DataDir, "logs"))
	}
	return nil
}
