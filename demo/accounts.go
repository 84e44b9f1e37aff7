package demo

import "tienda/internal/caller"

// Account is a demonstration account. Its password is public: it must never
// be loaded into a shop that others can reach.
type Account struct {
	Role     caller.Role // the highest; every account is a customer as well
	Email    string
	Password string
	Name     string
}

// Accounts are the accounts of users.ndjson.
var Accounts = []Account{
	{Role: caller.Customer, Email: "ana@example.com", Password: "demo-customer-1", Name: "Ana García"},
	{Role: caller.SupportAgent, Email: "sofia@example.com", Password: "demo-agent-1", Name: "Sofía Ruiz"},
	{Role: caller.CatalogManager, Email: "carlos@example.com", Password: "demo-catalog-1", Name: "Carlos Vega"},
	{Role: caller.Admin, Email: "alba@example.com", Password: "demo-admin-1", Name: "Alba Soler"},
}
