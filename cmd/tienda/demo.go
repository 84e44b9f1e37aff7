package main

import (
	"io/fs"

	"tienda/cmd/tienda/internal/ui"
	"tienda/demo"
)

// demoFiles are the demo data of an empty shop.
func demoFiles() fs.FS { return demo.FS }

// demoAccounts are those of the demo data, one per role.
func demoAccounts() []ui.Account {
	all := make([]ui.Account, 0, len(demo.Accounts))
	for _, a := range demo.Accounts {
		all = append(all, ui.Account{Role: string(a.Role), Email: a.Email, Password: a.Password})
	}
	return all
}
