package ui

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// Row is one app of the table. A port or a process ID of 0 is left out.
type Row struct {
	App         string
	Port, PID   int
	SidecarHTTP int
	SidecarGRPC int
	SidecarPID  int
}

// Account is a demo account.
type Account struct{ Role, Email, Password string }

// Table is what a person sees once the shop is up.
type Table struct {
	Gateway  string // URL
	Rows     []Row
	Accounts []Account
	Data     string // the data folder
	Mail     string // the folder of the mail; "": there is none
	Seconds  float64
	View     string // URL of the local view; "": there is none

	// Where the page of the migration is, and the file with the token that it asks for,
	// which is never printed; "": it does not run.
	Migration, Tokens string
}

// String renders the table.
func (t Table) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nThe shop is open after %.1f s: %s\n\n", t.Seconds, t.Gateway)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  app\tport\tpid\tsidecar http\tgrpc\tpid")
	for _, r := range t.Rows {
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\t%s\n", r.App, number(r.Port), number(r.PID), number(r.SidecarHTTP), number(r.SidecarGRPC), number(r.SidecarPID))
	}
	_ = w.Flush()
	if len(t.Accounts) > 0 {
		fmt.Fprint(&b, "\nDemo accounts:\n")
		for _, a := range t.Accounts {
			fmt.Fprintf(w, "  %s\t%s\t%s\n", a.Role, a.Email, a.Password)
		}
		_ = w.Flush()
	}
	fmt.Fprintf(&b, "\nTry:  curl '%s/v1/products?q=coffee&limit=3'\n", t.Gateway)
	if t.View != "" {
		fmt.Fprintf(&b, "View: %s\n", t.View)
	}
	if t.Mail != "" {
		fmt.Fprintf(&b, "Mail: %s\n", t.Mail)
	}
	if t.Migration != "" {
		fmt.Fprintf(&b, "Move: (. %s && echo \"%s/#token=$APP_API_TOKEN\") says where its page is\n", t.Tokens, t.Migration)
	}
	fmt.Fprintf(&b, "Logs: %s/logs    Stop: Ctrl-C\n", t.Data)
	return b.String()
}

func number(n int) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}
