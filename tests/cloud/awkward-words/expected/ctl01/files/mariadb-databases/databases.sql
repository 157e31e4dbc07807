-- Galera keeps the statements that it replicates in a file: of a password they hold the hash.
-- Texts are read as they are written below, whatever mode and characters the server has.
SET NAMES utf8mb4;
SET SESSION sql_mode = 'STRICT_TRANS_TABLES';
CREATE DATABASE IF NOT EXISTS `keystone` CHARACTER SET utf8mb4;
EXECUTE IMMEDIATE CONCAT('CREATE USER IF NOT EXISTS ''keystone''@''%'' IDENTIFIED BY PASSWORD ', QUOTE(PASSWORD('')));
EXECUTE IMMEDIATE CONCAT('ALTER USER ''keystone''@''%'' IDENTIFIED BY PASSWORD ', QUOTE(PASSWORD('')));
GRANT ALL PRIVILEGES ON `keystone`.* TO 'keystone'@'%';
CREATE DATABASE IF NOT EXISTS `shop-a` CHARACTER SET utf8mb4;
EXECUTE IMMEDIATE CONCAT('CREATE USER IF NOT EXISTS ''shop-a''@''%'' IDENTIFIED BY PASSWORD ', QUOTE(PASSWORD('')));
EXECUTE IMMEDIATE CONCAT('ALTER USER ''shop-a''@''%'' IDENTIFIED BY PASSWORD ', QUOTE(PASSWORD('')));
GRANT ALL PRIVILEGES ON `shop-a`.* TO 'shop-a'@'%';
CREATE DATABASE IF NOT EXISTS `shop_a` CHARACTER SET utf8mb4;
EXECUTE IMMEDIATE CONCAT('CREATE USER IF NOT EXISTS ''shop_a''@''%'' IDENTIFIED BY PASSWORD ', QUOTE(PASSWORD('')));
EXECUTE IMMEDIATE CONCAT('ALTER USER ''shop_a''@''%'' IDENTIFIED BY PASSWORD ', QUOTE(PASSWORD('')));
GRANT ALL PRIVILEGES ON `shop\_a`.* TO 'shop_a'@'%';
-- A right in the plain name is one in every database that it is a pattern of.
SET @plain = (SELECT COUNT(*) FROM mysql.db WHERE Host = '%' AND Db = 'shop_a' AND User = 'shop_a');
EXECUTE IMMEDIATE IF(@plain, 'REVOKE ALL PRIVILEGES ON `shop_a`.* FROM ''shop_a''@''%''', 'DO 0');
