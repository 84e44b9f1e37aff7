package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tienda/monolith/generator"
	"tienda/monolith/local"
	"tienda/tests/migrationdemo/customers"
	"tienda/tests/shop"
)

// start brings both shops up.
func (d *demo) start(ctx context.Context, dir string) (err error) {
	d.say("PostgreSQL and the legacy shop")
	d.source, err = local.Open(ctx, local.Config{Dir: filepath.Join(dir, "monolith"), Settings: []string{"fsync=off"}})
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, d.source.OwnerDSN)
	if err != nil {
		return fmt.Errorf("monolith: %w", err)
	}
	if _, err = generator.Fill(ctx, conn, generator.Options{Size: d.size, Seed: 1}); err != nil {
		return err
	}
	if err := conn.Close(ctx); err != nil {
		return fmt.Errorf("monolith: %w", err)
	}
	if d.owner, err = pgxpool.New(ctx, d.source.OwnerDSN); err != nil {
		return fmt.Errorf("monolith: %w", err)
	}
	at, err := d.serve(ctx)
	if err != nil {
		return err
	}
	table, err := routes(dir)
	if err != nil {
		return err
	}
	secrets, err := json.Marshal(map[string]string{"monolith-dsn": d.source.MigrationDSN, "monolith-write-dsn": d.source.ReverseDSN})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, ".data"), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, ".data", "migration-secrets.json"), secrets, 0o600); err != nil {
		return err
	}
	d.say("the programs of the shop are built")
	bin := filepath.Join(dir, "bin")
	if err := shop.Build(ctx, bin); err != nil {
		return err
	}
	d.say("the new shop, empty, with the migration beside it")
	d.shop, err = shop.Start(ctx, shop.Options{
		Bin: bin, Dir: dir, NoSeed: true, With: []string{"dapr/migration/dapr.yaml"},
		Env: []string{"MIGRATION_MAPPING=monolith", "TIENDA_REVERSE=1", "GATEWAY_MIGRATION=1", "GATEWAY_LEGACY=" + at, "GATEWAY_ROUTES=" + table},
	})
	if err != nil {
		return err
	}
	tokens, err := d.shop.Tokens()
	if err != nil {
		return err
	}
	d.token = tokens["APP_API_TOKEN"]
	d.say("its gateway, which sends everybody to the legacy shop: %s", d.shop.Gateway)
	return nil
}

// meet learns who the customers and the staff are, and what there is to sell.
func (d *demo) meet(ctx context.Context) error {
	staff, err := d.employee(ctx, "support")
	if err != nil {
		return err
	}
	if d.stock, err = customers.TableStock(ctx, d.owner); err != nil {
		return err
	}
	rows, err := d.owner.Query(ctx, "SELECT id, lower(btrim(email)) FROM customers WHERE NOT blocked")
	if err != nil {
		return fmt.Errorf("customers: %w", err)
	}
	defer rows.Close()
	people := map[int64]customers.Account{}
	for rows.Next() {
		var id int64
		var email string
		if err := rows.Scan(&id, &email); err != nil {
			return fmt.Errorf("customers: %w", err)
		}
		people[id] = customers.Account{Email: email, Password: generator.Password(id)}
	}
	d.door = customers.NewDoor(customers.Options{URL: d.shop.Gateway, Staff: staff, Customers: people, Seed: 1})
	return rows.Err()
}

// employee gives somebody of the staff with a role in the monolith.
func (d *demo) employee(ctx context.Context, role string) (a customers.Account, err error) {
	var id int64
	if err := d.owner.QueryRow(ctx, "SELECT id, email FROM staff WHERE role = $1 AND active ORDER BY id LIMIT 1", role).Scan(&id, &a.Email); err != nil {
		return a, fmt.Errorf("staff: %w", err)
	}
	a.Password = generator.Password(id)
	return a, nil
}
