package product

import (
	"strconv"

	"tienda/internal/fault"
)

// What a Store refuses, because it sees all products at once.
var (
	ErrMissing         = fault.Missing("product")
	ErrMissingSKU      = fault.Missing("SKU")
	ErrMissingCategory = fault.Missing("category")
	ErrSlugTaken       = fault.New(fault.Conflict, "slug_taken", "Something else has this slug.").At("/slug", "is taken")
	ErrNoCategory      = fault.New(fault.Unprocessable, "unknown_category", "There is no such category.").At("/category", "does not exist")
	ErrTooManyPrices   = fault.New(fault.Unprocessable, "too_many_prices", "A SKU may have 100 prices on lists.")
	ErrNoParent        = fault.New(fault.Unprocessable, "unknown_category", "There is no such category.").At("/parent", "does not exist")
	ErrCycle           = fault.New(fault.Unprocessable, "category_cycle", "A category cannot be below itself.").At("/parent", "is the category itself, or below it")
	ErrTooDeep         = fault.New(fault.Unprocessable, "category_too_deep", "A path may have 8 categories.").At("/parent", "makes a path too long")
	ErrTooMany         = fault.New(fault.Conflict, "too_many_categories", "There are 1000 categories, which is all that there may be.")
	ErrCategoryInUse   = fault.New(fault.Conflict, "category_in_use", "Published products or other categories are in this category.")
	ErrCategoryClosing = fault.New(fault.Conflict, "category_closing",
		"The category is being deleted. If it still is in a while, delete it again.").At("/category", "is being deleted")
	ErrParentClosing = fault.New(fault.Conflict, "category_closing", "The parent is being deleted.").At("/parent", "is being deleted")
	ErrVersion       = fault.New(fault.PreconditionFailed, "version_mismatch",
		"It has changed since you read it. Read it again.").At("If-Match", "is not the current version")
)

// ErrSKUTaken says which variant's SKU belongs to another product.
func ErrSKUTaken(variant int) error {
	return fault.New(fault.Conflict, "sku_taken", "Another product has this SKU.").
		At("/variants/"+strconv.Itoa(variant)+"/sku", "is taken")
}
