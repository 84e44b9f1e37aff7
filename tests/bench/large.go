package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"

	"tienda/internal/caller"
	"tienda/tests/bench/goods"
	"tienda/tests/shop"
)

// The large catalog: what is sold in it is the same for each run.
const (
	largeSeed    = 7
	largeChunk   = 2000            // lines of a request
	largeUpdates = 20_000          // lines of stock updates at most
	largePrices  = 1_000           // and of price updates, each of which writes a part of the index
	chunkLimit   = 5 * time.Minute // for a request
	readyLimit   = 2 * time.Minute
	settleTime   = 15 * time.Second // with nothing asked, before resident memory is read again
)

// Catalog is what a large catalog costs.
type Catalog struct {
	Products   int     `json:"products"`
	Profile    string  `json:"profile"`
	SKUs       int     `json:"skus"`
	Floor      Filled  `json:"floor"`       // documents like those of the import, written to a bare sidecar
	Import     Filled  `json:"import"`      // a line is a product with its variants
	Stock      Filled  `json:"stock"`       // lines of stock updates
	Prices     Filled  `json:"prices"`      // lines of price updates
	Ready      float64 `json:"ready_s"`     // from the kill of the replica, with the start of its successor
	ReadyCPU   float64 `json:"ready_cpu_s"` // of the replica until then
	SidecarCPU float64 `json:"ready_sidecar_cpu_s"`
	PeakMB     float64 `json:"peak_mb"`    // resident, of the replica: the most that it ever had
	SearchMB   float64 `json:"search_mb"`  // after the searches
	SettledMB  float64 `json:"settled_mb"` // after settleTime without a request
	IdleCPU    float64 `json:"idle_cpu"`   // cores that the replica and its sidecar take meanwhile
	Load       string  `json:"load"`       // load averages at the begin and at the end
}

// Filled is how fast lines were taken in.
type Filled struct {
	Lines     int     `json:"lines"`
	PerSecond float64 `json:"per_second"`
	Documents float64 `json:"documents_per_second,omitempty"`
	App       float64 `json:"app_cpu_ms,omitempty"` // per line
	Sidecar   float64 `json:"sidecar_cpu_ms"`       // per line
}

func (f Filled) String() string {
	return fmt.Sprintf("%d lines, %.0f/s; CPU a line: app %.2f ms, sidecar %.2f ms", f.Lines, f.PerSecond, f.App, f.Sidecar)
}

// measureLarge fills a shop with a large catalog, kills the replica of catalog,
// and measures how long its successor takes to be ready, its memory, and its
// answers at its own door.
func measureLarge(ctx context.Context, m *meter, r *Report, products int, profile, bin, dir string) error {
	c := &Catalog{Products: products, Profile: profile, Load: loadAverage()}
	r.Catalog = c
	kept := filepath.Join(dir, "shop", "filled")
	_, err := os.Stat(kept)
	fresh := err != nil
	if fresh {
		fmt.Println("== the bare sidecar")
		if err := importFloor(ctx, c, filepath.Join(dir, "bare")); err != nil {
			return err
		}
		fmt.Println("   written:", c.Floor)
	}
	fmt.Println("== a catalog of", products, "products on", profile)
	s, err := shop.Start(ctx, shop.Options{Bin: bin, Dir: filepath.Join(dir, "shop"), Profile: profile, NoSeed: true})
	if err != nil {
		return err
	}
	defer s.Stop()
	tokens, err := s.Tokens()
	if err != nil {
		return err
	}
	d := door{client(2 * m.connections), s, tokens["APP_API_TOKEN"]}
	if fresh {
		if err := d.fill(ctx, c); err != nil {
			return err
		}
		if err := os.WriteFile(kept, nil, 0o600); err != nil {
			return err
		}
	}
	pid, err := d.restart(ctx, c)
	if err != nil {
		return err
	}
	if err := d.search(ctx, m, r, pid); err != nil {
		return err
	}
	if err := d.rest(ctx, c, pid); err != nil {
		return err
	}
	c.Load += " .. " + loadAverage()
	return nil
}

// tell says what a large catalog costs.
func (c *Catalog) tell(w io.Writer) {
	fmt.Fprintf(w, "a catalog of %d products with %d SKUs on %s (load averages %s)\n", c.Products, c.SKUs, c.Profile, c.Load)
	if c.Import.Lines > 0 {
		c.tellImport(w)
	}
	fmt.Fprintf(w, "  ready after %.1f s, with %.1f s of CPU and %.1f s of the sidecar's\n", c.Ready, c.ReadyCPU, c.SidecarCPU)
	fmt.Fprintf(w, "  resident: %.0f MB at most, %.0f after the searches, %.0f at rest, with %.2f cores for its freshness\n", c.PeakMB, c.SearchMB, c.SettledMB, c.IdleCPU)
}

func (c *Catalog) tellImport(w io.Writer) {
	fmt.Fprintf(w, "  bare sidecar: %s, %.0f documents/s\n  import:       %s, %.0f SKUs/s\n  stock:        %s\n  prices:       %s\n",
		c.Floor, c.Floor.Documents, c.Import, c.Import.PerSecond*float64(c.SKUs)/float64(max(c.Products, 1)), c.Stock, c.Prices)
}

// door is that of the one replica of catalog.
type door struct {
	http  *fasthttp.Client
	shop  *shop.Shop
	token string
}

func (d door) app() shop.App { return d.shop.Of("catalog")[0] }

func (d door) address() string { return "http://127.0.0.1:" + strconv.Itoa(d.app().Port) }

// fill imports the products, then changes stock and prices of some of them.
func (d door) fill(ctx context.Context, c *Catalog) error {
	var stock, prices []string
	in := d.lines("/internal/v1/import/products", caller.HeaderApp, "gateway")
	for p := range goods.Make(largeSeed, c.Products) {
		for _, v := range p.Variants {
			if c.SKUs++; len(stock) < largeUpdates {
				stock = append(stock, fmt.Sprintf(`{"sku":%q,"delta":3,"reason":"delivery"}`, v.SKU))
				prices = append(prices, fmt.Sprintf(`{"sku":%q,"currency":"EUR","amount":%d}`, v.SKU, v.Prices[0].Amount+1))
			}
		}
		line, err := json.Marshal(p)
		if err != nil {
			return err
		}
		if err := in.add(ctx, string(line)); err != nil {
			return err
		}
	}
	var err error
	if c.Import, err = in.end(ctx); err != nil {
		return err
	}
	fmt.Println("   imported:", c.Import)
	if c.Stock, err = d.all(ctx, "/v1/stock-updates", stock); err != nil {
		return err
	}
	fmt.Println("   stock:", c.Stock)
	c.Prices, err = d.all(ctx, "/v1/price-updates", prices[:min(largePrices, len(prices))])
	fmt.Println("   prices:", c.Prices)
	return err
}

// all sends lines as a member of the staff does, past the gateway.
func (d door) all(ctx context.Context, path string, lines []string) (Filled, error) {
	in := d.lines(path, caller.HeaderUser, "0198d2a0-0000-7000-8000-000000000001", caller.HeaderRoles, string(caller.CatalogManager))
	for _, line := range lines {
		if err := in.add(ctx, line); err != nil {
			return Filled{}, err
		}
	}
	return in.end(ctx)
}

// lines is a stream of lines to a route, one request after another.
type lines struct {
	door
	path    string
	headers []string
	body    bytes.Buffer
	waiting int
	done    Filled
	took    time.Duration // of the requests
	app, sc float64       // CPU seconds before
}

func (d door) lines(path string, headers ...string) *lines {
	a := d.app()
	return &lines{door: d, path: path, headers: append(headers, "dapr-api-token", d.token, "Content-Type", "application/x-ndjson"),
		app: processSeconds(a.PID), sc: processSeconds(a.SidecarPID)}
}

func (l *lines) add(ctx context.Context, line string) error {
	_, _ = l.body.WriteString(line)
	_ = l.body.WriteByte('\n')
	if l.waiting++; l.waiting < largeChunk {
		return nil
	}
	return l.send(ctx)
}

func (l *lines) send(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, chunkLimit)
	defer cancel()
	began := time.Now()
	b, err := send(ctx, l.http, http.MethodPost, l.address()+l.path, l.body.String(), l.headers...)
	if err != nil {
		return err
	}
	l.took += time.Since(began)
	var report struct{ Accepted, Rejected int }
	if err := json.Unmarshal(b, &report); err != nil {
		return err
	}
	if report.Rejected > 0 || report.Accepted != l.waiting {
		return fmt.Errorf("%d lines of %d are taken: %.300s", report.Accepted, l.waiting, b)
	}
	l.done.Lines, l.waiting = l.done.Lines+l.waiting, 0
	l.body.Reset()
	return nil
}

func (l *lines) end(ctx context.Context) (Filled, error) {
	if l.waiting > 0 {
		if err := l.send(ctx); err != nil {
			return Filled{}, err
		}
	}
	a, n := l.door.app(), float64(max(l.done.Lines, 1))
	l.done.PerSecond = n / max(l.took, time.Millisecond).Seconds()
	l.done.App = (processSeconds(a.PID) - l.app) * 1000 / n
	l.done.Sidecar = (processSeconds(a.SidecarPID) - l.sc) * 1000 / n
	return l.done, nil
}

// restart kills the replica and waits for its successor.
func (d door) restart(ctx context.Context, c *Catalog) (pid int, err error) {
	before := d.app()
	c.PeakMB = peakMB(before.PID)
	sidecar := processSeconds(before.SidecarPID)
	if err := syscall.Kill(before.PID, syscall.SIGKILL); err != nil {
		return 0, err
	}
	began := time.Now()
	for time.Since(began) < readyLimit {
		time.Sleep(50 * time.Millisecond)
		if err := d.shop.Reload(); err != nil {
			return 0, err
		}
		a := d.app()
		if a.PID == before.PID {
			continue
		}
		if _, err := send(ctx, d.http, http.MethodGet, d.address()+"/readyz", ""); err == nil {
			c.Ready, c.ReadyCPU = time.Since(began).Seconds(), processSeconds(a.PID)
			if a.SidecarPID == before.SidecarPID {
				c.SidecarCPU = processSeconds(a.SidecarPID) - sidecar
			} else {
				c.SidecarCPU = processSeconds(a.SidecarPID)
			}
			fmt.Printf("   ready after %.1f s\n", c.Ready)
			return a.PID, nil
		}
	}
	return 0, errors.New("the replica of catalog is not ready again")
}

// rest reads the memory of a replica after the searches, and once it has had
// nothing to do for a while.
func (d door) rest(ctx context.Context, c *Catalog, pid int) error {
	side := d.app().SidecarPID
	c.SearchMB = residentMB([]int{pid})
	cpu := processSeconds(pid) + processSeconds(side)
	select {
	case <-time.After(settleTime):
	case <-ctx.Done():
		return ctx.Err()
	}
	c.IdleCPU = (processSeconds(pid) + processSeconds(side) - cpu) / settleTime.Seconds()
	c.SettledMB = residentMB([]int{pid})
	c.PeakMB = max(c.PeakMB, peakMB(pid))
	return nil
}

// peakMB is the most resident memory that a process has had.
func peakMB(pid int) float64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	if f := strings.Fields(rest); len(f) > 0 {
		kb, _ := strconv.ParseFloat(f[0], 64)
		return kb / 1024
	}
	return 0
}

// loadAverage gives what the machine has had to do in the last minute.
func loadAverage() string {
	b, _ := os.ReadFile("/proc/loadavg")
	one, _, _ := strings.Cut(string(b), " ")
	return one
}
