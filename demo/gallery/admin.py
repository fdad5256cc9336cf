"""The same fields in the Django admin. What is being held is listed there by Greenroom itself."""

from django.contrib import admin

from .forms import DetailForm, ProductForm
from .models import Detail, Product


class DetailInline(admin.TabularInline):
    model = Detail
    form = DetailForm
    extra = 1
    verbose_name = "detail"


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):
    form = ProductForm
    inlines = [DetailInline]
    list_display = ["name", "created_at"]
