/* Every kernel with the letters of its arguments: w an array that is written, r one that is read,
   W R the same or None, S room for intermediate results or None, l and L arrays of int64 and b B of bytes (written, read), d D of doubles,
   i an integer, f a real number. An array must be contiguous and of the kernel's own type. */
KERNEL(dense_forward, "wrrRiii")
KERNEL(dense_da, "wrriii")
KERNEL(dense_dW, "wWrrSiii")
KERNEL(conv2d_forward, "wrrRiiiiiiiiiiiiiiiiiSi")
KERNEL(conv2d_da, "wrrRiiiiiiiiiiiiiiiiiSii")
KERNEL(conv2d_dW, "wrriiiiiiiiiiiiiiiiSi")
KERNEL(conv2d_db, "wrii")
