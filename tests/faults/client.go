package main

import (
	"net/http"
	"time"

	"tienda/tests/customer"
)

func newWeb(base string, connections int) *customer.Web {
	return &customer.Web{Base: base, HTTP: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: 4 * connections}}}
}

// account is somebody who tries to sign in for as long as it takes.
func account(w *customer.Web, email, password string) *customer.Account {
	return &customer.Account{Web: w, Email: email, Password: password, Again: 300 * time.Millisecond}
}
