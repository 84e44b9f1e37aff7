package main

import (
	"fmt"
	"time"

	"tienda/internal/app"
	"tienda/internal/mail"
	"tienda/internal/mail/mailroom"
	"tienda/services/users/internal/account"
	"tienda/services/users/internal/session"
	"tienda/services/users/internal/statestore"
)

// shopURL is where the pages are that links in letters lead to; the gateway of a
// local shop where nothing is set.
const shopURL = "USERS_SHOP_URL"

// newSender wires what sends the letters that are committed with accounts.
func newSender(d app.Deps, accounts *statestore.Accounts, sessions *session.Service) (*mail.Sender, error) {
	url := d.Getenv(shopURL)
	if url == "" {
		url = "http://127.0.0.1:8080"
	}
	shop, err := account.ShopURL(url)
	if err != nil {
		return nil, fmt.Errorf("configuration: %s: %w", shopURL, err)
	}
	s := mail.NewSender(accounts.Mail(), account.NewComposer(accounts, sessions, shop, time.Now),
		mailroom.NewMailer(d.Sidecar), time.Now, d.Log)
	accounts.Mail().Start(s)
	return s, nil
}
