"""The commands made with cleo, a file each, and the application that offers them."""
