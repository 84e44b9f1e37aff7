package statestore

import (
	"slices"
	"time"

	"tienda/internal/state"
	"tienda/services/catalog/internal/inventory"
	"tienda/services/catalog/internal/product"
)

// checkClaims refuses a product whose slug or SKU another one stands by. It
// reads another product only where there is such a claim.
func checkClaims(tx *state.Tx, p product.Product) error {
	c, ok, err := slugs.Get(tx, p.Slug)
	if err != nil {
		return err
	}
	if ok && c.ProductID != p.ID {
		other, there, err := find(tx, c.ProductID)
		if err != nil {
			return err
		}
		if there && other.Slug == p.Slug {
			return product.ErrSlugTaken
		}
	}
	for i, sku := range p.SKUs() {
		c, ok, err := skus.Get(tx, sku)
		if err != nil {
			return err
		}
		if !ok || c.ProductID == p.ID {
			continue
		}
		other, there, err := find(tx, c.ProductID)
		if err != nil {
			return err
		}
		if there && slices.Contains(other.SKUs(), sku) {
			return product.ErrSKUTaken(i)
		}
	}
	return nil
}

// claimAll writes those of the product's claims that are not there. Stock that
// another product has left under a SKU does not come with it.
func claimAll(tx *state.Tx, p product.Product) error {
	own := claim{ProductID: p.ID, Moved: p.Origin != nil}
	if _, err := claimOne(tx, slugs, p.Slug, own); err != nil {
		return err
	}
	for _, sku := range p.SKUs() {
		claimed, err := claimOne(tx, skus, sku, own)
		if err != nil {
			return err
		}
		if !claimed {
			continue
		}
		stock, ok, err := stocks.Get(tx, sku)
		if err != nil {
			return err
		}
		switch {
		case !ok:
		case stock.Origin != nil && own.Moved: // it comes and goes by itself
			stock.ProductID = p.ID
			if err := stocks.Put(tx, sku, stock); err != nil {
				return err
			}
		case stock.Origin != nil || stock.ProductID != "" && stock.ProductID != p.ID:
			stock.ProductID, stock.Origin = p.ID, nil
			if err := withdraw(tx, stock); err != nil {
				return err
			}
		}
	}
	return nil
}

// claimOne says whether the claim was not there.
func claimOne(tx *state.Tx, in state.Collection[claim], key string, own claim) (bool, error) {
	if c, ok, err := in.Get(tx, key); err != nil || ok && c == own {
		return false, err
	}
	return true, in.Put(tx, key, own)
}

// withdraw writes a stock with nothing available, and announces what it took.
func withdraw(tx *state.Tx, stock inventory.Stock) error {
	wasThere := stock.Available() > 0
	stock.Withdraw(time.Now().UTC())
	if err := stocks.Put(tx, stock.SKU, stock); err != nil {
		return err
	}
	announce(tx, &stock, wasThere != (stock.Available() > 0))
	return nil
}

func releaseSlug(tx *state.Tx, id, slug string) error {
	if c, ok, err := slugs.Get(tx, slug); err != nil || !ok || c.ProductID != id {
		return err
	}
	return slugs.Delete(tx, slug)
}

// releaseSKUs frees SKUs of a product. Their stock goes too, down to what
// orders have reserved.
func releaseSKUs(tx *state.Tx, id string, gone []string) error {
	for _, sku := range gone {
		if c, ok, err := skus.Get(tx, sku); err != nil {
			return err
		} else if !ok || c.ProductID != id {
			continue
		}
		if err := skus.Delete(tx, sku); err != nil {
			return err
		}
		stock, ok, err := stocks.Get(tx, sku)
		if err != nil {
			return err
		}
		switch {
		case !ok:
		case len(stock.Reservations) == 0:
			err = stocks.Delete(tx, sku)
		default:
			err = withdraw(tx, stock)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
