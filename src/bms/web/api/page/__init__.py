"""`/docs`: the API's description for people, a page of our own that fetches nothing from elsewhere."""
