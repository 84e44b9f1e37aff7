// Command tienda runs the shop on this machine.
//
//	tienda run        build and start everything, and keep it running
//	tienda sidecar    find or build the Dapr sidecar
//	tienda seed       load the demo data into a running shop again
//	tienda statecopy  copy an app's state to another store, or to a file and back
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"tienda/cmd/tienda/internal/local"
	"tienda/cmd/tienda/internal/seed"
	"tienda/cmd/tienda/internal/supervise"
	"tienda/cmd/tienda/internal/ui"
	"tienda/internal/daprd"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the runner at once; the watchdog ends the rest
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout)
	stop()
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout io.Writer) error {
	command := "run"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		command, args = args[0], args[1:]
	}
	switch command {
	case "run":
		return runShop(ctx, args, getenv, stdout)
	case "sidecar":
		return findSidecar(ctx, args, getenv, stdout)
	case "seed":
		return loadDemo(ctx, args, getenv, stdout)
	case "statecopy":
		return copyState(ctx, args, stdout)
	case "watchdog": // what `run` starts to clean up after itself
		supervise.Watch(stdin)
		return nil
	}
	return fmt.Errorf("%q is not a command: run, sidecar, seed or statecopy", command)
}

func runShop(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	o := local.Options{Stdout: stdout, Getenv: getenv, Race: getenv("RACE") == "1", Replicas: map[string]int{}, Listen: map[string]string{}, Through: map[string]string{}, Demo: demoFiles(), Accounts: demoAccounts()}
	fs := flag.NewFlagSet("tienda run", flag.ContinueOnError)
	fs.StringVar(&o.RunFile, "file", filepath.Join("dapr", "dapr.yaml"), "the Multi-App Run `file`")
	fs.Func("with", "a further run `file`, whose apps are started beside the shop; may be given again", func(v string) error {
		o.With = append(o.With, v)
		return nil
	})
	fs.StringVar(&o.Dir, "dir", "", "the working `folder`, where .data lies (default: that of the run file's apps)")
	fs.IntVar(&o.GatewayPort, "port", 0, "the gateway's `port` (default: PORT, else the run file's)")
	fs.StringVar(&o.Profile, "profile", getenv("PROFILE"), "the `folder` of components/ to use: local, redis, postgres (default: PROFILE, else local)")
	fs.BoolVar(&o.FreePorts, "free-ports", false, "take free ports everywhere")
	fs.BoolVar(&o.Fresh, "fresh", false, "start with an empty data folder")
	fs.StringVar(&o.Bin, "bin", "", "`folder` of apps that are built already")
	fs.StringVar(&o.ReadyFile, "ready-file", "", "write ports and process IDs to this `file` once all is ready")
	fs.BoolVar(&o.Rolling, "rolling", false, "stop replicas as a cluster does, and replace all of them, one after the other, on a SIGUSR1")
	look := fs.String("view", getenv("VIEW"), "the `port` of the local view, or off (default: VIEW, else 8070, or a free one)")
	quiet := fs.Bool("quiet", false, "keep the logs of apps and sidecars off the screen")
	noSeed := fs.Bool("no-seed", false, "leave an empty shop empty")
	fs.Func("replicas", "how many of an app, as `app=n[,app=n]`", func(v string) error { return parseReplicas(v, o.Replicas) })
	fs.Func("listen", "where the broker or the profile's store listens, as `broker=host:port` or store=host:port", func(v string) error { return parseAddress(v, o.Listen) })
	fs.Func("through", "where the sidecars find it instead, in the same form: for tests that put a proxy in between", func(v string) error { return parseAddress(v, o.Through) })
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("%q is not understood", fs.Arg(0))
	}
	if v := getenv("PORT"); v != "" && o.GatewayPort == 0 {
		n, err := strconv.Atoi(v)
		if err != nil {
			return fmt.Errorf("PORT=%q is not a port", v)
		}
		o.GatewayPort = n
	}
	if o.GatewayPort < 0 || o.GatewayPort > 65535 {
		return fmt.Errorf("%d is not a port", o.GatewayPort)
	}
	if err := parseView(*look, &o); err != nil {
		return err
	}
	if *noSeed {
		o.Demo = nil
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("watchdog: %w", err)
	}
	o.Watchdog = exec.Command(self, "watchdog") //nolint:gosec,noctx // this program itself; it must outlive everything here
	o.Screen = ui.NewScreen(stdout, *quiet, getenv)
	roll := make(chan os.Signal, 1)
	signal.Notify(roll, syscall.SIGUSR1)
	defer signal.Stop(roll)
	o.Roll = roll
	return local.Run(ctx, o)
}

// parseView reads where the local view is to be; "": where it usually is.
func parseView(v string, o *local.Options) error {
	o.View = v != "off"
	if v == "" || v == "off" {
		return nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > 65535 {
		return fmt.Errorf("VIEW=%q is neither a port nor off", v)
	}
	o.ViewPort = n
	return nil
}

func parseReplicas(v string, into map[string]int) error {
	for part := range strings.SplitSeq(v, ",") {
		app, count, _ := strings.Cut(part, "=")
		n, err := strconv.Atoi(count)
		if app == "" || err != nil || n < 1 || n > 32 {
			return fmt.Errorf("%q is not app=n with n from 1 to 32", part)
		}
		into[app] = n
	}
	return nil
}

func parseAddress(v string, into map[string]string) error {
	name, addr, _ := strings.Cut(v, "=")
	if _, _, err := net.SplitHostPort(addr); err != nil || (name != "broker" && name != "store") {
		return fmt.Errorf("%q is neither broker=host:port nor store=host:port", v)
	}
	into[name] = addr
	return nil
}

func findSidecar(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	fs := flag.NewFlagSet("tienda sidecar", flag.ContinueOnError)
	source := fs.String("source", filepath.Join("dapr", "daprd"), "the sidecar's module")
	if err := fs.Parse(args); err != nil {
		return err
	}
	bin, err := daprd.Ensure(ctx, daprd.Options{SourceDir: *source, Progress: stdout, Getenv: getenv})
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, bin)
	return nil
}

// copyState builds the tool where that was not done yet, and runs it.
func copyState(ctx context.Context, args []string, stdout io.Writer) error {
	program, err := daprd.StateCopy(filepath.Join("dapr", "daprd")).Ensure(ctx, os.Stderr)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // built from our own sources
	cmd.Stdout, cmd.Stderr = stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	return cmd.Run()
}

func loadDemo(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	fs := flag.NewFlagSet("tienda seed", flag.ContinueOnError)
	sidecar := fs.String("sidecar", "http://127.0.0.1:3500", "base URL of the gateway's sidecar")
	token := fs.String("token-file", filepath.Join(".data", "tokens"), "the running shop's tokens (DAPR_API_TOKEN goes before it)")
	if err := fs.Parse(args); err != nil {
		return err
	}
	files := demoFiles()
	t := seed.Target{Sidecar: *sidecar, Token: getenv("DAPR_API_TOKEN"), Say: func(format string, args ...any) { fmt.Fprintf(stdout, format+"\n", args...) }}
	if t.Token == "" {
		b, err := os.ReadFile(*token)
		if err != nil {
			return fmt.Errorf("is the shop running? %w", err)
		}
		for line := range strings.Lines(string(b)) {
			if v, ok := strings.CutPrefix(strings.TrimSpace(line), "DAPR_API_TOKEN="); ok {
				t.Token = v
			}
		}
	}
	return seed.Load(ctx, files, t)
}
