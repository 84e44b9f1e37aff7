package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"tienda/tests/migrationdemo/customers"
)

// watchEvery is how often a line says how it goes.
const watchEvery = 2 * time.Second

// board is what is shown in the end.
type board struct {
	rows     []row
	old, now customers.Counts // at the end of the last step
}

// row is what went on until a change of hands was through, since the one before.
type row struct {
	step     string
	pause    float64 // seconds that writes were held; 0: nothing changed hands
	old, new customers.Counts
}

// step ends a row of the table.
func (d *demo) step(what string, pause float64) {
	b := &d.board
	old, now := d.door.Old.Step(), d.door.New.Step()
	b.rows = append(b.rows, row{what, pause, old.Less(b.old), now.Less(b.now)})
	b.old, b.now = old, now
}

// watch says how it goes, until ctx ends.
func (d *demo) watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	before, after := d.door.Old.Counts().Acknowledged, d.door.New.Counts().Acknowledged
	for at := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		all, err := d.hands(ctx)
		var s status
		if err == nil {
			err = d.ask(ctx, http.MethodGet, "", nil, &s)
		}
		if err != nil {
			continue // it is asked again
		}
		var who []string
		for _, h := range all {
			who = append(who, h.Service+" "+h.Stage)
		}
		old, now, took := d.door.Old.Counts().Acknowledged, d.door.New.Counts().Acknowledged, time.Since(at).Seconds()
		strays, _ := s.strays()
		d.say("  %3.0f writes/s in the old shop, %3.0f in the new; %s, lag %.2f s, %d changes, %d rejects, %d strays; in charge: %s", float64(old-before)/took, float64(now-after)/took,
			s.Phase, s.Lag, s.Changes, s.Rejects, strays, strings.Join(who, ", "))
		before, after, at = old, now, time.Now()
	}
}

// sum prints the table, and says what is wrong.
func (d *demo) sum(faults []customers.Fault) error {
	found := map[customers.Sort]int{}
	for _, f := range faults {
		found[f.What]++
	}
	var slow []string
	failed := 0
	fmt.Println()
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) } // to the standard output
	p("until\twrites held, s\told shop\tnew shop\tno answer or 5xx\tlongest wait, s\trefused")
	for _, r := range d.board.rows {
		held := "-"
		if r.pause > 0 {
			held = fmt.Sprintf("%.3f", r.pause)
		}
		if r.pause >= d.pause.Seconds() {
			slow = append(slow, r.step)
		}
		failed += r.old.Failed + r.new.Failed
		p("%s\t%s\t%d\t%d\t%d\t%.2f\t%s", r.step, held, r.old.Acknowledged, r.new.Acknowledged, r.old.Failed+r.new.Failed,
			max(r.old.Longest, r.new.Longest).Seconds(), reasons(r.old.Refused, r.new.Refused))
	}
	_ = w.Flush() // to the standard output
	old, now := d.door.Old.Counts(), d.door.New.Counts()
	fmt.Printf("\nacknowledged: %d in the old shop, %d in the new. Without an answer or with 5xx: %d, of which %d never got one.\nlost %d, doubled %d, changed %d\n",
		old.Acknowledged, now.Acknowledged, failed, old.Unknown+now.Unknown, found[customers.Lost], found[customers.Doubled], found[customers.Changed])
	switch {
	case len(faults) > 0:
		return fmt.Errorf("%d of what was acknowledged is not as it was acknowledged", len(faults))
	case now.Acknowledged == 0 || old.Acknowledged == 0:
		return errors.New("nothing was acknowledged in one of the shops")
	case len(slow) > 0:
		return fmt.Errorf("writes were held for %s or longer: %s", d.pause, strings.Join(slow, ", "))
	}
	return nil
}

// reasons gives why writes were refused, the most frequent first.
func reasons(all ...map[string]int) string {
	sum := map[string]int{}
	for _, m := range all {
		for why, n := range m {
			sum[why] += n
		}
	}
	names := slices.SortedFunc(maps.Keys(sum), func(a, b string) int {
		if sum[a] != sum[b] {
			return sum[b] - sum[a]
		}
		return strings.Compare(a, b)
	})
	var out []string
	for _, why := range names {
		out = append(out, fmt.Sprintf("%s %d", why, sum[why]))
	}
	return strings.Join(out, ", ")
}
