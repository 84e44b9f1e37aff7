// Package service wires orders together. Its main runs what it builds beside a
// real sidecar, the simulation beside a simulated one.
package service

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tienda/internal/app"
	"tienda/internal/httpapi"
	"tienda/internal/mail"
	"tienda/internal/mail/mailroom"
	"tienda/internal/origin/intake"
	"tienda/services/orders/internal/api"
	"tienda/services/orders/internal/cart"
	"tienda/services/orders/internal/cashier"
	"tienda/services/orders/internal/checkout"
	"tienda/services/orders/internal/clients"
	"tienda/services/orders/internal/erasure"
	"tienda/services/orders/internal/events"
	"tienda/services/orders/internal/history"
	"tienda/services/orders/internal/letters"
	"tienda/services/orders/internal/order"
	"tienda/services/orders/internal/promotion"
	"tienda/services/orders/internal/settings"
	"tienda/services/orders/internal/statestore"
	"tienda/services/orders/internal/terms"
)

// AppID is the service's app ID, which its topic is named after.
const AppID = events.Topic

const (
	recoveryPause = 5 * time.Second
	reminderPause = 10 * time.Minute
)

// Build wires the service over what the frame gives it.
func Build(_ context.Context, d app.Deps) (app.Built, error) {
	moved, err := d.Contract.Schema("SyncOrder")
	if err != nil {
		return app.Built{}, err
	}
	catalog, users := clients.NewCatalog(d.Sidecar), clients.NewUsers(d.Sidecar)
	store := statestore.NewOrders(d.DB)
	saga := statestore.NewCheckouts(d.DB)
	till := cashier.NewService(saga, clients.NewPayments(d.Sidecar), time.Now)
	orders := order.NewService(store, till)
	given := statestore.NewPromotions(d.DB)
	prices := terms.NewModel(given, time.Now)
	promotions := promotion.NewService(given, time.Now)
	checkouts := checkout.NewService(saga, users, catalog, prices, promotions, till)
	orders.OnNews(checkouts.Owed)
	orders.AsksOf(catalog)
	basket := statestore.NewCarts(d.DB)
	written := statestore.NewLetters(d.DB)
	sender := mail.NewSender(written.Queue(), letters.NewComposer(store).WithReminders(basket, users), mailroom.NewMailer(d.Sidecar), time.Now, d.Log)
	written.Queue().Start(sender)
	rows := statestore.NewHistory(d.DB)
	d.DB.OnPublish(events.Write(written, rows))
	saga.OnLeft(checkouts.Abandoned, written.Queue().List)
	erasures := erasure.NewService(statestore.NewErasures(d.DB), time.Now)
	carts := cart.NewService(basket, clients.NewQuoteCache(catalog), prices)
	a := &api.API{
		Carts:      carts,
		Saves:      cart.NewSaves(basket, carts),
		Checkouts:  checkouts,
		Orders:     orders,
		History:    history.NewService(rows, time.Now),
		Settings:   settings.NewService(statestore.NewSettings(d.DB), time.Now),
		Promotions: promotions,
		Terms:      prices,
		Support:    events.Support{Returns: orders, Log: d.Log},
		Users:      events.Users{Erasures: erasures},
		Callbacks:  till,
		Secrets:    clients.NewSecrets(d.Sidecar, cmp.Or(d.Getenv("ORDERS_PAYMENT_PROVIDER"), "sandbox")),
	}
	reminders := cart.NewReminders(statestore.NewReminders(d.DB, written.Queue()), time.Now)
	sync := statestore.Sync(d.DB, moved.Check)
	if d.Config.Reverse {
		sync.Announce(AppID)
	}
	return app.Built{
		Routes: slices.Concat(a.Routes(), sync.Routes(), []httpapi.Route{intake.OutboxRoute(d.DB, intake.Outbox{News: events.OfStock, Unsettled: saga.Unsettled})}),
		Parts: []app.Part{
			app.Every(recoveryPause, d.Log, "recovery of unsettled checkouts and payments", func(ctx context.Context) error {
				return errors.Join(till.Recover(ctx), checkouts.Recover(ctx))
			}),
			app.Every(recoveryPause, d.Log, "erasure of deleted accounts", erasures.Run),
			app.Every(reminderPause, d.Log, "reminders of carts", reminders.Run),
			sender.Part,
			till.Part,
			app.Every(terms.Freshness, d.Log, "reading settings and promotions", prices.Refresh),
			app.Every(recoveryPause, d.Log, "uses of promotions", func(ctx context.Context) error {
				t, err := prices.Get(ctx)
				if err != nil {
					return err
				}
				return promotions.Sweep(ctx, t.Uses)
			}),
		},
		Figures: []prometheus.Collector{mailroom.Figures{Sender: sender}, figures{checkouts}},
	}, nil
}
