package simulation

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	seeds  = flag.Int("seeds", seedsByDefault, "how many seeds TestSeeds runs")
	from   = flag.Uint64("from", 1, "the first of them; 0: one that is new every time")
	replay = flag.Uint64("replay", 0, "print the trace of this seed")
	repeat = flag.Int("repeat", 50, "run every so-manieth seed twice and compare; 0, on a machine that is busy with other things: none")
	worker = flag.String("worker", "", "<first>,<step>,<count>: run these seeds and report; for TestSeeds")
)

// TestMain keeps a process to one core, and the garbage collector out of the
// runs: what several goroutines do at once is then done in the same order every
// time. TestSeeds uses the other cores by processes.
func TestMain(m *testing.M) {
	flag.Parse()
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(2 << 30)
	code := m.Run()
	if *worker == "" && summary != "" {
		fmt.Println(summary) // the last line
	}
	os.Exit(code)
}

var summary string // of TestSeeds

// mostRuns is how often a seed is run at most until two runs are the same.
const mostRuns = 6

// kept are seeds that have found something, each with what it was. Any change of
// what is called when makes them other runs; they stay as they cost little.
var kept = map[uint64]string{
	2:  "work that half of a transaction had begun was remembered only for the death of its replica",
	9:  "the same: an order whose client had gone was pending for ever",
	66: "an order that another replica had settled stayed in the backlog of the one that began it",
	16: "a document was written although its transaction had a conflict, and its events were forgotten",

	657242543611: "a request that had hung for 10 s wrote into the journal that its replica, stopped meanwhile, was giving up",
}

func TestKeptSeeds(t *testing.T) {
	for seed, found := range kept {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			require.Empty(t, simulate(t, seed, sabotage{}, false).wrong, "it once found: %s", found)
		})
	}
}

// report is what a worker says of a seed that is wrong, or of many that are
// right.
type report struct {
	Seed   uint64         `json:"seed,omitempty"`
	Wrong  []string       `json:"wrong,omitempty"`
	Seeds  int            `json:"seeds,omitempty"`
	Faults map[string]int `json:"faults,omitempty"`
	Steps  int            `json:"steps,omitempty"`
	Orders int            `json:"orders,omitempty"`
	Twice  int            `json:"twice,omitempty"`  // seeds that were run again, to compare
	Shaken int            `json:"shaken,omitempty"` // of those, runs that the machine has disturbed
}

const reportPrefix = "report: "

// TestWorker runs the seeds of one process of TestSeeds. One seed in 50 is run
// twice: it has to be the same run.
func TestWorker(t *testing.T) {
	first, step, count := uint64(1), uint64(1), 3
	if *worker != "" {
		_, err := fmt.Sscanf(*worker, "%d,%d,%d", &first, &step, &count)
		require.NoError(t, err)
	}
	sum := report{Faults: map[string]int{}}
	say := func(r report) {
		b, err := json.Marshal(r)
		require.NoError(t, err)
		fmt.Println(reportPrefix + string(b))
	}
	for i := range count {
		seed := first + uint64(i)*step
		var r result
		run := func(t *testing.T) { r = simulate(t, seed, sabotage{}, false) }
		t.Run(strconv.FormatUint(seed, 10), run)
		if *repeat > 0 && i%*repeat == 0 && !raceDetector {
			sum.Twice++
			seen := []uint64{r.trace}
			t.Run("again", run)
			if r.trace != seen[0] {
				// A core that is taken away for long makes Go's scheduler take turns. Two
				// runs that are the same to the last step are not so by chance.
				sum.Shaken++
				for n := 2; n < mostRuns && !slices.Contains(seen, r.trace); n++ {
					seen = append(seen, r.trace)
					t.Run("and again", run)
				}
				if !slices.Contains(seen, r.trace) {
					r.wrong = append(r.wrong, fmt.Sprintf("simulation: %d runs of the seed were different ones", mostRuns))
				}
			}
		}
		if len(r.wrong) > 0 {
			say(report{Seed: seed, Wrong: r.wrong})
		}
		sum.Seeds++
		sum.Steps += r.steps
		sum.Orders += r.orders
		for kind, n := range r.faults {
			sum.Faults[kind] += n
		}
		if sum.Seeds == 20 || i == count-1 {
			say(sum)
			sum = report{Faults: map[string]int{}}
		}
	}
}

// TestSeeds runs many seeds, a process for each core.
func TestSeeds(t *testing.T) {
	began := time.Now()
	base := *from
	if base == 0 {
		base = uint64(began.UnixNano()) / 1000 % 1e12
	}
	fmt.Printf("simulation: %d seeds from %d\n", *seeds, base)
	var mu sync.Mutex
	total := report{Faults: map[string]int{}}
	var wrong []string
	shown := began
	summary = "seeds: 0, violations: 1" // unless it comes to an end
	hear := func(r report) {
		mu.Lock()
		defer mu.Unlock()
		for _, w := range r.Wrong {
			wrong = append(wrong, fmt.Sprintf("seed %d: %s", r.Seed, w))
			fmt.Println(wrong[len(wrong)-1])
		}
		total.Seeds += r.Seeds
		total.Steps += r.Steps
		total.Orders += r.Orders
		total.Twice += r.Twice
		total.Shaken += r.Shaken
		for kind, n := range r.Faults {
			total.Faults[kind] += n
		}
		if now := time.Now(); now.Sub(shown) > 10*time.Second {
			shown = now
			fmt.Printf("%d of %d seeds, %.0f a second, violations: %d\n", total.Seeds, *seeds, float64(total.Seeds)/now.Sub(began).Seconds(), len(wrong))
		}
	}
	workers := min(runtime.NumCPU(), *seeds)
	var wg sync.WaitGroup
	for i := range workers {
		count := (*seeds - i + workers - 1) / workers
		wg.Go(func() { work(t, fmt.Sprintf("%d,%d,%d", base+uint64(i), workers, count), hear) })
	}
	wg.Wait()
	took := time.Since(began)
	fmt.Printf("%d steps, %d orders, %.0f seeds a second\nfaults: %s\n", total.Steps, total.Orders, float64(total.Seeds)/took.Seconds(), table(total.Faults))
	fmt.Printf("run twice and compared: %d, disturbed by the machine: %d\n", total.Twice, total.Shaken)
	if t.Failed() { // a worker has, and its seeds are missing
		wrong = append(wrong, "a worker has failed")
	}
	summary = fmt.Sprintf("seeds: %d, violations: %d", total.Seeds, len(wrong))
	for _, w := range wrong[:min(len(wrong), 50)] { // once more, at the end of a long output
		fmt.Println(w)
	}
	require.Zero(t, len(wrong), "replay one with: make simulate SEED=<seed>")
	require.Equal(t, *seeds, total.Seeds)
}

func table(faults map[string]int) string {
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(faults)) {
		parts = append(parts, fmt.Sprintf("%s %d", kind, faults[kind]))
	}
	return strings.Join(parts, ", ")
}

// work runs one worker process and passes on what it reports.
func work(t *testing.T, what string, hear func(report)) {
	exe, err := os.Executable()
	if err != nil {
		t.Error(err)
		return
	}
	cmd := exec.CommandContext(t.Context(), exe, "-test.run=^TestWorker$", "-test.count=1", "-test.timeout=0", "-worker="+what, "-repeat="+strconv.Itoa(*repeat))
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Error(err)
		return
	}
	var rest []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		text, ok := strings.CutPrefix(lines.Text(), reportPrefix)
		var r report
		if !ok || json.Unmarshal([]byte(text), &r) != nil {
			rest = append(rest, lines.Text())
			continue
		}
		hear(r)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("worker %s: %v\n%s", what, err, strings.Join(rest, "\n"))
	}
}

// TestReplay prints every step of one seed.
func TestReplay(t *testing.T) {
	seed := max(*replay, 1)
	r := simulate(t, seed, sabotage{}, true)
	if *replay > 0 {
		fmt.Println(strings.Join(r.lines, "\n"))
		fmt.Printf("faults: %s\n", table(r.faults))
		for _, w := range r.wrong {
			fmt.Println("wrong:", w)
		}
		fmt.Printf("seed %d: %d steps, trace %016x, violations: %d\n", seed, r.steps, r.trace, len(r.wrong))
	}
	require.NotEmpty(t, r.lines)
	require.Empty(t, r.wrong)
}
