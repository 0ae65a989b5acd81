"""Lists come in pages."""

from rest_framework.pagination import PageNumberPagination


class Pages(PageNumberPagination):
    """Fifty rows a page; the caller may ask for up to 500."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500


class LongPages(Pages):
    """For markers of a slide: thousands are drawn at once."""

    page_size = 2000
    max_page_size = 5000
