package profile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"tienda/internal/daprd"
)

// As the component files have it.
const (
	postgresAddr = "127.0.0.1:5432"
	postgresUser = "tienda"
	postgresDB   = "tienda"
)

const noSuchDatabase = "3D000" // SQLSTATE

type postgres struct {
	bin  string // the folder of its programs
	user *account
}

func (*postgres) defaultAddr() string { return postgresAddr }

// stopSignal asks for the fast shutdown: SIGTERM would wait for the clients.
func (*postgres) stopSignal() syscall.Signal { return syscall.SIGINT }

// DSN is the connection string of a database of the Postgres server.
func (s *Server) DSN(database string) string {
	host, port, _ := net.SplitHostPort(s.Addr)
	dsn := fmt.Sprintf("host=%s port=%s user=%s dbname=%s sslmode=disable connect_timeout=2", host, port, postgresUser, database)
	if s.Password != "" {
		dsn += " password=" + s.Password
	}
	return dsn
}

// answers logs in to the shop's database. A private server that is new does not
// have it yet: it is made.
func (*postgres) answers(ctx context.Context, addr, password string) error {
	s := Server{Addr: addr, Password: password}
	conn, err := pgx.Connect(ctx, s.DSN(postgresDB))
	if refused := new(pgconn.PgError); errors.As(err, &refused) && refused.Code == noSuchDatabase {
		return createDatabase(ctx, s.DSN("postgres"))
	}
	if err != nil {
		return fmt.Errorf("no Postgres at %s lets %s in: %w", addr, postgresUser, err)
	}
	return conn.Close(ctx)
}

func createDatabase(ctx context.Context, dsn string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+postgresDB); err != nil {
		return fmt.Errorf("the database cannot be made: %w", err)
	}
	return nil
}

func (p *postgres) prepare(ctx context.Context, s *Server) error {
	data := filepath.Join(s.dir, "data")
	version, err := os.ReadFile(filepath.Join(data, "PG_VERSION")) //nolint:gosec // in the shop's data folder
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("folder of postgres: %w", err)
	}
	if p.bin, err = postgresPrograms(strings.TrimSpace(string(version))); err != nil {
		return err
	}
	if p.user, err = accountForPostgres(); err != nil {
		return err
	}
	if len(version) > 0 {
		return forget(ctx, data)
	}
	return p.initdb(ctx, s, data)
}

// initdb makes the files under another name first: a folder left half-made by a
// killed run is not taken for a database.
func (p *postgres) initdb(ctx context.Context, s *Server, data string) error {
	fresh := data + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return fmt.Errorf("folder of postgres: %w", err)
	}
	if err := os.Mkdir(fresh, 0o700); err != nil {
		return fmt.Errorf("folder of postgres: %w", err)
	}
	word := filepath.Join(s.dir, "initdb.password")
	if err := os.WriteFile(word, []byte(s.Password+"\n"), 0o600); err != nil {
		return fmt.Errorf("password of postgres: %w", err)
	}
	defer func() { _ = os.Remove(word) }()
	cmd := exec.CommandContext(ctx, filepath.Join(p.bin, "initdb")) //nolint:gosec // found on this machine
	paths, done, err := p.user.give(cmd, fresh, word)
	if err != nil {
		return err
	}
	defer done()
	cmd.Args = append(cmd.Args, "-D", paths[0], "--pwfile", paths[1], "-U", postgresUser,
		"--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-instructions")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, lastLine(out))
	}
	if err := os.Rename(fresh, data); err != nil {
		return fmt.Errorf("folder of postgres: %w", err)
	}
	return nil
}

func (p *postgres) command(s *Server) *exec.Cmd {
	cmd := exec.Command(filepath.Join(p.bin, "postgres")) //nolint:gosec,noctx // found on this machine; its starter ends it
	cmd.SysProcAttr = daprd.ChildAttr()
	paths, _, err := p.user.give(cmd, filepath.Join(s.dir, "data"))
	if err != nil {
		cmd.Err = err
		return cmd
	}
	// A socket in the folder would be safer still, but its path may have 107
	// bytes only, and an account that cannot enter the folder could not make it.
	cmd.Args = append(cmd.Args, "-D", paths[0], "-p", strconv.Itoa(s.Port()),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=200")
	for _, setting := range s.settings {
		cmd.Args = append(cmd.Args, "-c", setting)
	}
	return cmd
}

func (*postgres) render(s *Server, text string) string {
	return strings.ReplaceAll(text, "host=127.0.0.1 port=5432 ", fmt.Sprintf("host=127.0.0.1 port=%d ", s.Port()))
}

// postgresPrograms finds the folder of initdb and postgres: of the version that
// made the data, or the newest. Debian keeps them off PATH.
func postgresPrograms(version string) (string, error) {
	folders, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	best, newest := "", -1.0
	for _, dir := range folders {
		v := filepath.Base(filepath.Dir(dir))
		n, err := strconv.ParseFloat(v, 64)
		if _, missing := os.Stat(filepath.Join(dir, "initdb")); err != nil || missing != nil {
			continue
		}
		if version == v || version == "" && n > newest {
			best, newest = dir, n
		}
	}
	if best != "" {
		return best, nil
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	if version != "" {
		return "", fmt.Errorf("the data are those of Postgres %s, which is not installed: apt-get install postgresql-%s", version, version)
	}
	return "", errors.New("postgres is neither on PATH nor in /usr/lib/postgresql, and none answers at " + postgresAddr + ": apt-get install postgresql")
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}
